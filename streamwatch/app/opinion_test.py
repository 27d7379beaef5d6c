"""``second-opinion test``: one picture to the endpoint, every question, each answer in words."""

import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from streamwatch.app.assembly import opinion_options
from streamwatch.errors import ConfigError, OpinionError
from streamwatch.records.questions import Question
from streamwatch.second_opinion.endpoint import Endpoint
from streamwatch.second_opinion.options import OpinionOptions
from streamwatch.second_opinion.protocol import data_url
from streamwatch.settings.load import load_settings

_MOST_BYTES: Final = 20_000_000


@dataclass(frozen=True, slots=True)
class _Row:
    """What one question came to."""

    label: str
    answer: str | None
    """yes, no or unclear; None when there was no usable answer."""
    probability: float | None
    seconds: float
    error: str


async def ask_about(
    picture: Path, config: Path, environ: Mapping[str, str], *, labels: Sequence[str], as_json: bool
) -> int:
    """0 when every question was answered, 1 when one was not, 2 when there is nothing to ask or nobody to ask."""
    try:
        settings = load_settings(config, environ, strict=False).settings
    except ConfigError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    options = opinion_options(settings)
    if options is None:
        print(f"{config}: [second_opinion] has no base_url. Write where the endpoint is.", file=sys.stderr)
        return 2
    questions = [one for one in options.questions.questions if not labels or _fits(one.label, labels)]
    if not questions:
        print(f"there is no question about {', '.join(labels)}.", file=sys.stderr)
        return 2
    rows = await _ask(options, questions, data_url(await asyncio.to_thread(_read, picture)))
    _tell(options, rows, as_json=as_json)
    return 0 if all(row.answer is not None for row in rows) else 1


def _fits(label: str, wanted: Sequence[str]) -> bool:
    return any(label == one or label.startswith(f"{one}.") for one in wanted)


def _read(picture: Path) -> bytes:
    try:
        with picture.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise OpinionError(f"{picture}: cannot be read: {error.strerror}.") from None
    if len(content) > _MOST_BYTES:
        raise OpinionError(f"{picture} is larger than 20 MB.")
    return content


async def _ask(options: OpinionOptions, questions: Sequence[Question], url: str) -> list[_Row]:
    limit = options.timeout + options.give_up
    places = asyncio.Semaphore(options.endpoint.concurrency)

    async def put(question: Question) -> _Row:
        async with places:
            began = time.monotonic()
            try:
                async with asyncio.timeout(limit):
                    answer = await endpoint.ask(question, options.questions.instruction, url, options.certainty)
            except TimeoutError:
                return _Row(question.label, None, None, time.monotonic() - began, f"no answer in {limit:g} s")
            except OpinionError as error:
                return _Row(question.label, None, None, time.monotonic() - began, str(error).rstrip("."))
        return _Row(question.label, answer.word, answer.probability, time.monotonic() - began, "")

    async with Endpoint(options.endpoint) as endpoint:
        return list(await asyncio.gather(*(put(question) for question in questions)))


def _tell(options: OpinionOptions, rows: Sequence[_Row], *, as_json: bool) -> None:
    if as_json:
        found = [{**asdict(row), "seconds": round(row.seconds, 3)} for row in rows]
        print(json.dumps({"model": options.endpoint.model, "questions": options.questions.name, "answers": found}))
        return
    width = max(len(row.label) for row in rows)
    for row in rows:
        told = row.answer or f"FAILED: {row.error}"
        if row.probability is not None:
            told += f" (P(yes) {row.probability:.2f})"
        print(f"{row.label:<{width}}  {told}  {row.seconds:.2f} s")
    late = sum(row.seconds > options.timeout for row in rows)
    if late:
        print(f"{late} of {len(rows)} answers took longer than timeout = {options.timeout:g} s: alerts would not wait.")
