"""Verbs about what weights see and learn: ``score``, ``evaluate``, ``train``."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamwatch.cli.options import Verbs
from streamwatch.inference.tuning import tune_process

if TYPE_CHECKING:
    from streamwatch.learning.measured_rule import MeasuredRule


def add_verbs(verbs: Verbs) -> None:
    """Adds them to the command line."""
    score = verbs.add_parser("score", help="what the HTTP API would answer for pictures, videos and streams")
    score.add_argument("sources", nargs="+", metavar="FILE|URL")
    score.add_argument("--seconds", type=float, default=30.0, help="watch a stream for this long (default 30)")
    score.add_argument("--json", action="store_true", help="the API's JSON, one object a line")
    score.set_defaults(run=_score)
    evaluate = verbs.add_parser("evaluate", help="measure weights on your own pictures, or on pairs of them")
    what = evaluate.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", type=Path, metavar="DIR", help="a folder with labels.csv")
    what.add_argument("--twins", type=Path, metavar="CSV", help="pairs in which only the intent differs")
    evaluate.add_argument("--out", type=Path, metavar="DIR", help="write card, plots, figures and thresholds there")
    evaluate.add_argument("--json", action="store_true")
    evaluate.set_defaults(run=_evaluate)
    train = verbs.add_parser("train", help="train weights on your own pictures")
    train.add_argument("--data", type=Path, metavar="DIR", required=True, help="a folder with labels.csv")
    train.add_argument("--name", required=True, help="of the new weights")
    train.add_argument("--into", type=Path, metavar="DIR", help="folder that weights lie in")
    train.add_argument("--keep-features", action="store_true", help="keep what the encoder saw, beside the weights")
    train.add_argument("--features", type=Path, action="append", default=[], metavar="DIR", help="kept ones, to add")
    train.add_argument("--feedback", type=Path, metavar="STORE", help="clients' feedback in a daemon's store, to add")
    train.add_argument("--json", action="store_true")
    train.set_defaults(run=_train)
    for verb in (score, evaluate, train):
        verb.add_argument("--weights", default="starter", metavar="NAME", help="a name or a folder (default: starter)")
        verb.add_argument("--interval", type=float, default=2.0, help="seconds between pictures of a video (default 2)")
        verb.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    for verb in (evaluate, train):
        _measuring_options(verb)


def _measuring_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--no-plots", action="store_true", help="do without matplotlib")
    budget = verb.add_argument_group("thresholds by a false-alarm budget")
    budget.add_argument("--budget", metavar="TEXT", help='such as "3 per 8h over 300 streams"')
    budget.add_argument(
        "--budget-label", action="append", default=[], metavar="LABEL", help="default: the overall ones"
    )
    budget.add_argument("--confirm", default="2 of 3", metavar='"N of M"', help="as in [thresholds] (default 2 of 3)")
    rule = verb.add_argument_group("what measured means; others than the defaults need --relax")
    rule.add_argument("--relax", default="", metavar="WORDS", help="why; card and manifest say so in these words")
    rule.add_argument("--least-positives", type=int, metavar="N")
    rule.add_argument("--least-recall", type=float, metavar="SHARE")
    rule.add_argument("--false-positives", type=float, metavar="SHARE")
    rule.add_argument("--most-calibration-error", type=float, metavar="ERROR")


def _score(chosen: argparse.Namespace) -> int:
    tune_process()
    if chosen.interval <= 0 or chosen.seconds <= 0:
        return _wrong("--interval and --seconds must be above 0")
    return asyncio.run(_score_all(chosen))


async def _score_all(chosen: argparse.Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415

    from streamwatch.app.score_report import ScoreReport, blind_labels  # noqa: PLC0415
    from streamwatch.app.scoring import ScoreOptions, score_all  # noqa: PLC0415

    options = ScoreOptions(chosen.sources, chosen.weights, chosen.interval, chosen.seconds, chosen.device)
    report, failed = ScoreReport(blind_labels(chosen.weights)), False
    async for document in score_all(options):
        failed |= document["status"] != "success"
        if chosen.json:
            print(json.dumps(document, ensure_ascii=False, allow_nan=False), flush=True)
        else:
            report.add(document)
    if not chosen.json:
        report.show(Console())
    return 1 if failed else 0


def _evaluate(chosen: argparse.Namespace) -> int:
    tune_process()
    from rich.console import Console  # noqa: PLC0415

    from streamwatch.app.evaluating import EvaluateOptions, evaluate_data, evaluate_twins  # noqa: PLC0415
    from streamwatch.app.learning_report import show_evaluation, show_twins  # noqa: PLC0415

    if chosen.twins is not None:
        if chosen.out is not None or chosen.budget or chosen.relax:
            return _wrong("--out, --budget and --relax belong to --data; --twins prints, with --json for a file")
        document = asyncio.run(evaluate_twins(chosen.twins, chosen.weights, chosen.device))
    else:
        try:
            measuring = _measuring(chosen)
        except ValueError as error:
            return _wrong(str(error))
        options = EvaluateOptions(
            chosen.data, chosen.weights, chosen.device, chosen.interval, chosen.out, not chosen.no_plots, **measuring
        )
        document = asyncio.run(evaluate_data(options))
    if chosen.json:
        print(json.dumps(document, ensure_ascii=False, allow_nan=False))
    elif chosen.twins is not None:
        show_twins(document, Console())
    else:
        show_evaluation(document, Console())
    return 0


def _train(chosen: argparse.Namespace) -> int:
    tune_process()
    from rich.console import Console  # noqa: PLC0415

    from streamwatch.app.learning_report import show_evaluation  # noqa: PLC0415
    from streamwatch.app.teaching import TrainOptions, train_weights  # noqa: PLC0415

    try:
        measuring = _measuring(chosen)
    except ValueError as error:
        return _wrong(str(error))
    options = TrainOptions(
        chosen.data,
        chosen.name,
        chosen.weights,
        chosen.into,
        chosen.device,
        chosen.interval,
        keep_features=chosen.keep_features,
        features=tuple(chosen.features),
        feedback=chosen.feedback,
        plots=not chosen.no_plots,
        **measuring,
    )
    document = asyncio.run(train_weights(options))
    if chosen.json:
        print(json.dumps(document, ensure_ascii=False, allow_nan=False))
    else:
        show_evaluation(document, Console())
        print(f"weights: {document['folder']}")
    return 0


def _measuring(chosen: argparse.Namespace) -> dict[str, Any]:
    """Budget, policy and rule. Raises ValueError in words."""
    from streamwatch.learning.budget import parse_budget  # noqa: PLC0415
    from streamwatch.learning.footage import Policy  # noqa: PLC0415

    n, of, m = chosen.confirm.partition(" of ")
    if not (of and n.strip().isdecimal() and m.strip().isdecimal() and 1 <= int(n) <= int(m) <= 100):
        raise ValueError(f'--confirm: {chosen.confirm!r} is none. Write "2 of 3"')
    if not 0.5 <= chosen.interval <= 60:
        raise ValueError("--interval: wanted 0.5 to 60 seconds, as streams have it")
    return {
        "budget": parse_budget(chosen.budget) if chosen.budget else None,
        "policy": Policy(int(n), int(m), chosen.interval),
        "budget_labels": tuple(chosen.budget_label),
        "rule": _rule(chosen),
    }


def _rule(chosen: argparse.Namespace) -> "MeasuredRule":
    from streamwatch.learning.measured_rule import MeasuredRule  # noqa: PLC0415

    written = {
        "positives": chosen.least_positives,
        "recall": chosen.least_recall,
        "false_positives": chosen.false_positives,
        "calibration_error": chosen.most_calibration_error,
    }
    relaxed: dict[str, Any] = {name: value for name, value in written.items() if value is not None}
    if bool(relaxed) != bool(chosen.relax.strip()):
        raise ValueError("--relax says in words why another rule holds, and the numbers say which: write both")
    rule = MeasuredRule(**relaxed, words=chosen.relax.strip())
    if rule.positives < 1 or not (0 < rule.recall <= 1 and 0 < rule.false_positives < 1 and rule.calibration_error > 0):
        raise ValueError("--least-positives is 1 at least, and the others are shares above 0")
    return rule


def _wrong(words: str) -> int:
    print(words, file=sys.stderr)
    return 2
