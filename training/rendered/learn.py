"""``python -m training.rendered.learn --people DIR --weights DIR``: sets heads for rendered people beside trained ones.

The weights keep every other label as it was. Run it after ``python -m training all``, whose cache it reads.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from tqdm import tqdm

from streamwatch.inference.encoders.base import Encoder
from streamwatch.inference.encoders.loading import load_encoder
from streamwatch.inference.heads import Heads, load_trained_heads
from streamwatch.inference.label_heads import save_heads
from streamwatch.inference.manifest import read_manifest
from streamwatch.inference.model import load_model
from streamwatch.inference.publishing import write_weights
from streamwatch.learning.calibration import fit_join, joined
from streamwatch.learning.evaluation import run_trial
from streamwatch.learning.features import Features, extract, load_features
from streamwatch.learning.fit import Matrix, Places, raw_logits
from streamwatch.learning.rows import Row, label_matrix, read_rows, split_mask
from training.art import Split
from training.engine import fast_engine
from training.publish import write_card
from training.rendered.findings import Others, findings, verdict
from training.rendered.fitting import LABELS, PeopleOptions, Side, fit_several, other_known
from training.rendered.material import People, known_people, squashed
from training.rendered.merging import merged
from training.rendered.sample import pairs_right, scorer, write_figures
from training.trials import TRIALS

DOTTED: Final = {
    "self_harm": "self-harm.prob",
    "unconscious": "gore.classes.unconscious",
    "serious_injury": "gore.classes.serious_injury",
}
"""Trained label -> label of the contract."""
_PIN: Final = "pin.json"
_CACHE: Final = Path(__file__).resolve().parents[2] / ".cache" / "training"


def learn(folders: list[Path], cache: Path, weights: Path) -> dict[str, Any]:
    """Trains, measures and publishes; returns what stands in ``evaluation.json`` about people."""
    manifest = read_manifest(weights)
    encoder = load_encoder(manifest).fold()
    base = load_trained_heads(cache / "heads.npz", encoder.spec)
    people, files = known_people(folders)
    features = _features(people, files, encoder, cache / "people")
    made_rows, made = _read(cache / "set")
    heads = _fitted(base, (people, features), (made_rows, made), cache / "people")
    found = _measured(heads, people, features, (made_rows, made), _read(cache / "pans"))
    claimed = {label: verdict(label, one) for label, one in found.items()}
    kept = tuple(label for label, one in claimed.items() if one.status != "unsupported")
    file = weights / "evaluation.json"
    evaluation = json.loads(file.read_text())
    evaluation["trials"] = renewed(evaluation["trials"], heads, kept, (made_rows, made))
    evaluation["people"] = {"set": people.pin(), "labels": found}
    file.write_text(json.dumps(evaluation, indent=1, sort_keys=True) + "\n")
    write_weights(
        weights,
        name=manifest.name,
        licence=manifest.licence,
        encoder=manifest.encoder,
        heads=merged(base, only(heads, kept)) if kept else base,
        gore_parts=manifest.gore_parts,
        labels={**manifest.labels, **{DOTTED[label]: one for label, one in claimed.items()}},
        scale=manifest.gore_scale,
    )
    write_card(weights)
    return found


def renewed(
    findings_: Sequence[dict[str, Any]], heads: Heads, labels: tuple[str, ...], made: tuple[Sequence[Row], Features]
) -> list[dict[str, Any]]:
    """The trials of labels that these heads answer now, asked again; the colour baseline stays what it was."""
    rows = _rows(made[0], "test")
    held_out = [made[0][i] for i in rows]
    scores = _scores(heads, made[1], rows)
    photos = np.array([row.situation == "plain_photo" for row in held_out])
    again = {}
    for trial in (trial for trial in TRIALS if trial.label in labels):
        column = label_matrix(held_out, [trial.label])[:, 0]
        own = scores[:, heads.labels.index(trial.label)]
        found = run_trial(trial, held_out, column=column, scores=own, baseline=own, photo_scores=own[photos])
        if found is not None:
            again[trial.name] = found.as_dict()
    return [
        {**again[one["trial"]], "baseline_auc": one["baseline_auc"]} if one["trial"] in again else one
        for one in findings_
    ]


def only(heads: Heads, labels: tuple[str, ...]) -> Heads:
    """The same heads with some of their labels."""
    chosen = [heads.labels.index(label) for label in labels]
    fewer = Heads(labels, heads.spec, heads.hidden)
    outputs = ("pooled_out.", "dense_out.", "join")
    state = heads.state_dict().items()
    fewer.load_state_dict({name: value[chosen] if name.startswith(outputs) else value for name, value in state})
    return fewer.eval()


def _fitted(base: Heads, people: tuple[People, Features], made: tuple[Sequence[Row], Features], folder: Path) -> Heads:
    """Fitted and calibrated; made anew unless the folder holds those of the same features, base and options."""
    options = PeopleOptions()
    state = b"".join(tensor.numpy().tobytes() for tensor in base.state_dict().values())
    pin = json.dumps(
        {
            "people": json.loads((folder / _PIN).read_text()),
            "base": hashlib.sha256(state).hexdigest(),
            "options": asdict(options),
        }
    )
    note, file = folder / "heads.json", folder / "heads.npz"
    if note.exists() and note.read_text() == pin:
        return load_trained_heads(file, base.spec)
    heads = fit_several(
        base,
        Side(people[1], label_matrix(people[0].rows, LABELS), people[0].of("train")),
        Side(made[1], other_known(made[0]), _rows(made[0], "train")),
        options,
        progress=partial(tqdm, desc="epochs", mininterval=5),
    )
    heads.join = torch.from_numpy(_join(heads, *people, *made))
    save_heads(heads, file)
    note.write_text(pin)
    return heads


def _features(people: People, files: list[Path], encoder: Encoder, folder: Path) -> Features:
    """Made anew unless the folder holds those of the same pictures by the same encoder."""
    state = b"".join(tensor.contiguous().numpy().tobytes() for tensor in encoder.state_dict().values())
    pin = json.dumps({**people.pin(), "encoder": hashlib.sha256(state).hexdigest()})
    note = folder / _PIN
    if note.exists() and note.read_text() == pin:
        return load_features(folder)
    images = squashed(files, encoder.spec, partial(tqdm, desc="people", mininterval=5))
    bar = partial(tqdm, desc="features of people", mininterval=5)
    made = extract(images, encoder, folder, engine=fast_engine(encoder), progress=bar)
    note.write_text(pin)
    return made


def _read(folder: Path) -> tuple[list[Row], Features]:
    return read_rows(folder / "rows.jsonl"), load_features(folder / "features")


def _rows(rows: Sequence[Row], *splits: Split) -> Places:
    return np.flatnonzero(np.logical_or.reduce([split_mask(rows, split) for split in splits]))


def _scores(heads: Heads, features: Features, rows: Places) -> Matrix:
    return joined(*raw_logits(heads, features, rows), heads.join.numpy())


def _join(heads: Heads, people: People, features: Features, rows: Sequence[Row], made: Features) -> Matrix:
    """Calibrated on pictures that neither train nor test: people, and everything else."""
    mine, theirs = people.of("calibrate"), _rows(rows, "calibrate")
    logits = zip(raw_logits(heads, features, mine), raw_logits(heads, made, theirs), strict=True)
    known = np.concatenate([label_matrix(people.rows, LABELS)[mine], other_known(rows)[theirs]])
    whole, dense = (np.concatenate(parts) for parts in logits)
    return fit_join(whole, dense, known)


def _measured(
    heads: Heads,
    people: People,
    features: Features,
    made: tuple[Sequence[Row], Features],
    panned: tuple[Sequence[Row], Features],
) -> dict[str, Any]:
    scores = np.full((len(people.rows), len(LABELS)), np.nan, np.float32)
    scores[people.of("test")] = _scores(heads, features, people.of("test"))
    rows, held_out = made[0], _rows(made[0], "calibrate", "test")
    return findings(
        people,
        scores,
        Others(
            [rows[i] for i in held_out],
            _scores(heads, made[1], held_out),
            panned[0],
            _scores(heads, panned[1], np.arange(len(panned[0]))),
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.rendered.learn", description=__doc__)
    parser.add_argument("--people", type=Path, nargs="+", required=True, help="folders of rendered people")
    parser.add_argument("--cache", type=Path, default=_CACHE, help="of `python -m training`")
    parser.add_argument("--weights", type=Path, default=_CACHE.parents[1] / "models" / "starter")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for label, found in learn(arguments.people, arguments.cache, arguments.weights).items():
        print(label, json.dumps(found))
        print(label, verdict(label, found))
    write_figures(pairs_right(scorer(load_model(arguments.weights, device="cpu"))))


if __name__ == "__main__":
    main()
