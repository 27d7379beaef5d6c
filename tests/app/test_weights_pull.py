"""``weights pull``: from a hub and from a folder, resumed, checked, whole or not at all; and the weights work."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import SiglipModel

from streamwatch.app import hub as hub_module
from streamwatch.app.weights_pull import PullOptions, Tell, pull
from streamwatch.backoff import Backoff
from streamwatch.cli.main import main
from streamwatch.errors import WeightsError
from streamwatch.inference.encoder_table import hash_file
from streamwatch.inference.encoders.loading import encoder_spec
from streamwatch.inference.heads import Heads
from streamwatch.inference.manifest import LabelCoverage, find_weights, known_weights, read_manifest
from streamwatch.inference.model import load_model
from streamwatch.inference.prompts import read_prompts
from streamwatch.inference.publishing import write_weights
from streamwatch.inference.sources import ExpectedFile, Source, find_source
from streamwatch.inference.text_tower import TextTower
from streamwatch.inference.zero_shot import mean_vector
from streamwatch.records.labels import GORE_CLASSES, LABELS
from tests.app.model_hub import COMMIT, ModelHub, serving
from tests.inference.tiny_siglip import library_processor, write_siglip

REAL = find_source("siglip2-base")
LARGE = "model.safetensors"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_siglip(tmp_path_factory.mktemp("siglip"))


@pytest.fixture(scope="module")
def source(files: Path) -> Source:
    """As the catalogue pins the published weights, so are the small ones pinned here."""
    found = {f.name: ExpectedFile(f.name, f.stat().st_size, hash_file(f)) for f in sorted(files.iterdir())}
    return replace(REAL, revision=COMMIT, files=found)


@pytest.fixture
def hub(files: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    monkeypatch.setattr(hub_module, "Backoff", lambda **_: Backoff(base=0.001, ceiling=0.002, floor=0.001))
    with serving(files, REAL.repository) as found:
        yield found


@pytest.fixture(scope="module")
def pulled(source: Source, files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("weights")
    pull(source, PullOptions(folder=files, into=into), quiet())
    return into / "siglip2-base"


def quiet(progress: Callable[[str, int, int | None], None] = lambda *_: None) -> Tell:
    return Tell(progress, lambda _: None)


def online(hub: ModelHub, into: Path, **more: Any) -> PullOptions:
    return PullOptions(into=into, endpoint=hub.url, **more)


def only_hidden(into: Path) -> bool:
    return all(path.name.startswith(".") for path in into.iterdir())


def test_a_hub_gives_weights_that_load(source: Source, hub: ModelHub, tmp_path: Path) -> None:
    seen: dict[str, list[int]] = {}
    report = pull(source, online(hub, tmp_path), quiet(lambda name, done, _: seen.setdefault(name, []).append(done)))
    assert [path.name for path in tmp_path.iterdir()] == ["siglip2-base"]
    assert report["checked"] == "every file has the hash that streamwatch pins"
    assert report["measured"] is False
    assert {name: done[-1] for name, done in seen.items()} == {name: f.size for name, f in source.files.items()}
    assert not list((tmp_path / "siglip2-base" / "encoder").glob("*.part"))
    assert all(path.startswith((f"/{REAL.repository}/resolve/{COMMIT}/", "/cdn/")) for _, path, _ in hub.asked)
    assert load_model(tmp_path / "siglip2-base", device="cpu").weights.name == "siglip2-base"


def test_a_broken_connection_is_resumed_where_it_broke(source: Source, hub: ModelHub, tmp_path: Path) -> None:
    hub.break_after[LARGE] = [70_000, 90_000]
    pull(source, online(hub, tmp_path), quiet())
    first, second, third = (int(span.removeprefix("bytes=").removesuffix("-")) for span in hub.ranges_of(LARGE))
    assert first == 0
    assert 0 < second < third
    assert second <= 70_000
    assert third <= 160_000


def test_an_end_that_comes_too_early_is_noticed_where_no_length_was_said(
    source: Source, hub: ModelHub, tmp_path: Path
) -> None:
    hub.lengths = False
    hub.break_after[LARGE] = [70_000]
    pull(source, online(hub, tmp_path), quiet())
    assert len(hub.ranges_of(LARGE)) == 2


def test_a_pull_that_gave_up_goes_on_from_what_is_there(source: Source, hub: ModelHub, tmp_path: Path) -> None:
    hub.break_after[LARGE] = [70_000, 0, 0, 0, 0, 0, 0]
    with pytest.raises(WeightsError, match=rf"{LARGE}: 127\.0\.0\.1 broke off.* bytes are kept: pull again"):
        pull(source, online(hub, tmp_path), quiet())
    assert only_hidden(tmp_path)
    kept = (tmp_path / ".siglip2-base.pull" / "encoder" / f"{LARGE}.part").stat().st_size
    assert 0 < kept <= 70_000
    hub.break_after.clear()
    hub.asked.clear()
    pull(source, online(hub, tmp_path), quiet())
    assert hub.ranges_of(LARGE) == [f"bytes={kept}-"]
    assert not [path for _, path, _ in hub.asked if path.endswith("/config.json")], "what was whole is not asked again"


def test_a_stopped_pull_goes_on_too(source: Source, hub: ModelHub, tmp_path: Path) -> None:
    def interrupt(name: str, done: int, _: int | None) -> None:
        if name == LARGE and done > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(source, online(hub, tmp_path), quiet(interrupt))
    assert only_hidden(tmp_path)
    pull(source, online(hub, tmp_path), quiet())
    assert read_manifest(tmp_path / "siglip2-base").encoder.origin.endswith(COMMIT)


def test_a_hub_without_ranges_starts_again(source: Source, hub: ModelHub, tmp_path: Path) -> None:
    hub.ranges = False
    hub.break_after[LARGE] = [70_000]
    pull(source, online(hub, tmp_path), quiet())
    assert hash_file(tmp_path / "siglip2-base" / "encoder" / LARGE) == source.files[LARGE].sha256


def test_wrong_bytes_are_refused_and_not_kept(source: Source, hub: ModelHub, files: Path, tmp_path: Path) -> None:
    true = (files / LARGE).read_bytes()
    hub.swapped[LARGE] = bytes([true[0] ^ 1]) + true[1:]
    with pytest.raises(WeightsError, match=rf"{LARGE} from 127\.0\.0\.1 has sha256 .* It is not kept"):
        pull(source, online(hub, tmp_path), quiet())
    assert only_hidden(tmp_path)
    assert not list(tmp_path.rglob(f"{LARGE}*"))
    hub.swapped.clear()
    pull(source, online(hub, tmp_path), quiet())
    assert known_weights().get("siglip2-base") is None, "a folder of --into alone is not found by name"


def test_more_bytes_than_pinned_are_refused_at_once(source: Source, hub: ModelHub, files: Path, tmp_path: Path) -> None:
    hub.swapped["tokenizer.json"] = (files / "tokenizer.json").read_bytes() + b" " * 400_000
    with pytest.raises(WeightsError, match=r"tokenizer\.json from .* is longer than"):
        pull(source, online(hub, tmp_path), quiet())


@pytest.mark.parametrize(("status", "words"), [(403, "refuses"), (404, "has no such file")])
def test_an_answer_that_is_final_is_said_at_once(
    source: Source, hub: ModelHub, tmp_path: Path, status: int, words: str
) -> None:
    hub.statuses["config.json"] = [status, 200, 200]
    with pytest.raises(WeightsError, match=rf"config\.json: 127\.0\.0\.1 {words}"):
        pull(source, online(hub, tmp_path), quiet())


def test_a_hub_in_trouble_is_asked_again(source: Source, hub: ModelHub, tmp_path: Path) -> None:
    hub.statuses["config.json"] = [503, 500]
    pull(source, online(hub, tmp_path), quiet())
    assert (tmp_path / "siglip2-base" / "manifest.toml").is_file()


def test_no_network_is_said_in_words(source: Source, hub: ModelHub, tmp_path: Path) -> None:
    del hub  # its short waits
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1 cannot be reached\. 0 bytes are kept"):
        pull(source, PullOptions(into=tmp_path, endpoint="http://127.0.0.1:9"), quiet())
    assert only_hidden(tmp_path)


def test_another_revision_is_held_to_the_hubs_own_hashes(source: Source, hub: ModelHub, tmp_path: Path) -> None:
    pinned = replace(source, revision="d" * 40, files={name: ExpectedFile(name, 1, "0" * 64) for name in source.files})
    report = pull(pinned, online(hub, tmp_path, revision="main"), quiet())
    assert report["encoder"] == f"{REAL.repository}@{COMMIT}", "a branch is resolved to its commit"
    assert "the hub gave" in report["checked"]
    manifest = read_manifest(tmp_path / "siglip2-base")
    assert manifest.encoder.files[LARGE].sha256 == source.files[LARGE].sha256
    for name in ("config.json", LARGE):  # a git hash, and a sha256
        shutil.rmtree(tmp_path / "siglip2-base")
        true = (hub.folder / name).read_bytes()
        hub.swapped = {name: bytes([true[0] ^ 1]) + true[1:]}
        with pytest.raises(WeightsError, match=f"{name} from .* is not kept"):
            pull(pinned, online(hub, tmp_path, revision="main"), quiet())
        hub.swapped = {}
        pull(pinned, online(hub, tmp_path, revision="main"), quiet())


def test_a_mirror_without_hashes_serves_the_pinned_revision_only(source: Source, hub: ModelHub, tmp_path: Path) -> None:
    hub.hashes = False
    with pytest.raises(WeightsError, match=r"gives no hash for .*pinned revision only"):
        pull(source, online(hub, tmp_path, revision="main"), quiet())
    pull(source, online(hub, tmp_path), quiet())


def test_a_full_disk_is_said_before_and_while_it_fills(
    source: Source, hub: ModelHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(WeightsError, match="MB are needed, 0 MB are free"):
            pull(source, online(hub, tmp_path), quiet())

    def full(name: str, *_: object) -> None:
        if name == LARGE:
            raise OSError(28, "No space left on device")

    with pytest.raises(WeightsError, match=r"the disk is full\. What came is kept"):
        pull(source, online(hub, tmp_path), quiet(full))
    assert only_hidden(tmp_path)


def test_a_folder_works_the_same(source: Source, pulled: Path) -> None:
    manifest = read_manifest(pulled)
    assert manifest.encoder.origin == f"{REAL.repository}@{COMMIT}"
    assert {name: f.sha256 for name, f in manifest.encoder.files.items()} == {
        name: source.files[name].sha256 for name in ("config.json", LARGE, "preprocessor_config.json")
    }


def test_a_folder_with_a_wrong_file_is_refused(source: Source, files: Path, tmp_path: Path) -> None:
    shutil.copytree(files, tmp_path / "files")
    with (tmp_path / "files" / "config.json").open("a") as file:
        file.write(" ")
    with pytest.raises(WeightsError, match=r"config\.json: its sha256 is .* say which: --revision"):
        pull(source, PullOptions(folder=tmp_path / "files", into=tmp_path / "w"), quiet())
    assert not list((tmp_path / "w").glob("*"))
    report = pull(source, PullOptions(folder=tmp_path / "files", into=tmp_path / "w", revision="my-own"), quiet())
    assert "NOT CHECKED" in report["checked"]
    assert read_manifest(tmp_path / "w" / "siglip2-base").encoder.files["config.json"].sha256 == hash_file(
        tmp_path / "files" / "config.json"
    )


def test_a_folder_that_lacks_a_file_is_refused(source: Source, files: Path, tmp_path: Path) -> None:
    shutil.copytree(files, tmp_path / "files")
    (tmp_path / "files" / LARGE).unlink()
    with pytest.raises(WeightsError, match=f"files: has no {LARGE}"):
        pull(source, PullOptions(folder=tmp_path / "files", into=tmp_path), quiet())


def test_a_folder_of_another_revision_needs_its_tokenizer_too(source: Source, files: Path, tmp_path: Path) -> None:
    shutil.copytree(files, tmp_path / "files")
    (tmp_path / "files" / "tokenizer.json").unlink()
    with pytest.raises(WeightsError, match=r"files: has no tokenizer\.json"):
        pull(source, PullOptions(folder=tmp_path / "files", into=tmp_path, revision="my-own"), quiet())


def test_the_old_weights_come_back_when_the_new_ones_cannot_take_their_place(
    source: Source, files: Path, pulled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(pulled, tmp_path / "siglip2-base")
    before = read_manifest(tmp_path / "siglip2-base").sha256
    rename = Path.rename

    def fails(self: Path, target: Path) -> Path:
        if self.name.endswith(".pull"):
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(WeightsError, match="cannot be written: Input/output error"):
        pull(source, PullOptions(folder=files, into=tmp_path, overwrite=True), quiet())
    assert read_manifest(tmp_path / "siglip2-base").sha256 == before


def test_what_is_there_is_replaced_only_when_told(source: Source, files: Path, pulled: Path, tmp_path: Path) -> None:
    shutil.copytree(pulled, tmp_path / "siglip2-base")
    before = read_manifest(tmp_path / "siglip2-base")
    with pytest.raises(WeightsError, match=r"is there already\. --replace"):
        pull(source, PullOptions(folder=files, into=tmp_path), quiet())
    own = tmp_path / "prompts.toml"
    own.write_text((pulled / "prompts.toml").read_text().replace('"a human skull"', '"the bare skull of a person"'))
    kept = PullOptions(folder=tmp_path / "siglip2-base", into=tmp_path, prompts=own, overwrite=True)
    pull(source, kept, quiet())
    after = read_manifest(tmp_path / "siglip2-base")
    assert after.heads.sha256 != before.heads.sha256
    assert after.encoder_sha256 == before.encoder_sha256
    assert "the bare skull of a person" in (tmp_path / "siglip2-base" / "CARD.md").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["prompts.toml", "siglip2-base"]


def test_weights_answer_every_label_as_the_library_would(pulled: Path, files: Path) -> None:
    """The whole chain, from a picture to a number, against the library's own processor and towers."""
    model, tower = load_model(pulled, device="cpu"), TextTower(files)
    pictures = [np.random.default_rng(i).integers(0, 256, (240, 426, 3)).astype(np.uint8) for i in range(3)]
    ours = model.forward(model.prepare(pictures))
    whole: Any = SiglipModel.from_pretrained(files, local_files_only=True).eval()
    seen = library_processor(files)([Image.fromarray(one) for one in pictures], return_tensors="pt")
    with torch.inference_mode():
        embedded = whole.get_image_features(**seen).pooler_output
        directions = (embedded / embedded.norm(dim=1, keepdim=True)).numpy()
    theirs = {}
    for head in read_prompts(REAL.prompts):
        groups = np.stack([mean_vector(tower.embed(group)) for group in (head.shown, *head.instead.values())])
        scores = directions @ groups.T * tower.scale + tower.bias
        theirs[head.head] = np.exp(scores[:, 0]) / np.exp(scores).sum(1)
    theirs["gore.prob"] = np.max([theirs[f"gore.classes.{name}"] for name in GORE_CLASSES], axis=0)
    for i, label in enumerate(LABELS):
        prob = theirs["gore.prob" if label.startswith("gore") else "self-harm.prob"]
        wanted = prob * theirs[f"{label}.share"] if ".type." in label else theirs[label]
        assert np.allclose(ours[:, i], wanted, atol=1e-4), label
    assert ours.std(axis=0).min() > 1e-4, "pictures must be told apart"


def test_features_of_any_encoder_can_be_had(pulled: Path) -> None:
    model = load_model(pulled, device="cpu")
    [found] = model.features(model.prepare([np.zeros((240, 426, 3), np.uint8)]))
    assert (found.last.shape, found.middle.shape) == ((24, 4, 4), (24, 1, 1))
    assert found.encoder == read_manifest(pulled).encoder_sha256


@pytest.mark.parametrize("beside", [True, False])
def test_other_heads_stand_on_the_same_encoder_without_a_copy_of_it(pulled: Path, tmp_path: Path, beside: bool) -> None:
    shutil.copytree(pulled, tmp_path / "a" / "siglip2-base")
    base = read_manifest(tmp_path / "a" / "siglip2-base")
    label = "gore.classes.skull"
    labels = {one: LabelCoverage("proxy" if one in ("gore.prob", label) else "unsupported", "own") for one in LABELS}
    torch.manual_seed(0)
    own = tmp_path / ("a" if beside else "b") / "own"
    found = write_weights(
        own, name="own", licence="mine", encoder=base.encoder, heads=Heads(("skull",), encoder_spec(base)),
        gore_parts=(label,), labels=labels,
    )  # fmt: skip
    assert not (own / "encoder").exists()
    assert found.encoder_sha256 == base.encoder_sha256
    assert ('weights = "siglip2-base"' in (own / "manifest.toml").read_text()) is beside
    model = load_model(own, device="cpu")
    values = model.forward(model.prepare([np.zeros((240, 426, 3), np.uint8)]))
    assert 0 < values[0, LABELS.index("gore.prob")] < 1
    shutil.rmtree(tmp_path / "a" / "siglip2-base")
    with pytest.raises(WeightsError, match=r"encoder\.weights names .*siglip2-base.*, which is not here"):
        read_manifest(own)


def test_nothing_is_called_measured(pulled: Path) -> None:
    labels = read_manifest(pulled).labels
    assert all(one.unmeasured and "UNMEASURED" in one.of for one in labels.values())
    card = (pulled / "CARD.md").read_text()
    assert "**UNMEASURED.**" in card
    assert "streamwatch evaluate --weights siglip2-base --data DIR" in card
    for file in ("config.json", "preprocessor_config.json", LARGE):
        assert hash_file(pulled / "encoder" / file) in card


def test_the_starter_is_not_called_unmeasured() -> None:
    assert not any(one.unmeasured for one in read_manifest(find_weights("starter")).labels.values())


def test_a_changed_encoder_file_is_refused(pulled: Path, tmp_path: Path) -> None:
    shutil.copytree(pulled, tmp_path / "changed")
    with (tmp_path / "changed" / "encoder" / LARGE).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(WeightsError, match=rf"{LARGE}: its sha256 is"):
        load_model(tmp_path / "changed", device="cpu")


def test_the_verb_says_what_came_of_it(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMWATCH_WEIGHTS_PATH", str(tmp_path))
    assert main(["weights", "pull", "siglip2-base", "--from", str(files)]) == 1
    assert "--revision" in capsys.readouterr().err
    assert main(["weights", "pull", "siglip3"]) == 1
    assert "Known: siglip2-base" in capsys.readouterr().err
    assert main(["weights", "pull", "siglip2-base", "--from", str(files), "--revision", "small", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is True
    assert told["found_by_name"] is True
    assert told["folder"] == str(tmp_path / "siglip2-base")
    assert main(["weights", "list"]) == 0
    listed = capsys.readouterr().out
    assert listed.count("UNMEASURED") >= len(LABELS)


def test_a_place_that_cannot_be_written_is_named(source: Source, files: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match=r"cannot write to .*file\. Name a folder with --into"):
        pull(source, PullOptions(folder=files, into=tmp_path / "file"), quiet())


def test_weights_that_cannot_be_read_hide_no_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMWATCH_WEIGHTS_PATH", str(tmp_path))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.toml").write_text("format = 9")
    assert main(["weights", "list", "--json"]) == 1
    told = capsys.readouterr()
    assert [one["name"] for one in json.loads(told.out)["weights"]] == ["starter"]
    assert "broken/manifest.toml: format must be 1" in told.err
