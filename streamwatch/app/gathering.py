"""Labelled pictures through the encoder, batch by batch, with a bar on standard error."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from streamwatch.app.labelled_media import LabelledMedia, Shot
from streamwatch.inference.model import EncoderModel
from streamwatch.learning.samples import Sample

_BATCH = 16
Take = Callable[[Sequence[Sample], torch.Tensor], None]
"""Gets samples and what ``prepare`` made of their pictures; called in a thread, one batch after the other."""


async def gather(
    media: LabelledMedia, model: EncoderModel, take: Take, *, wanted: Callable[[Sample], bool] = lambda _: True
) -> None:
    """Puts every wanted picture of a folder through ``take``."""
    with _bar("pictures and videos", media.files) as advance:
        waiting: list[Shot] = []
        async for shot in media.shots(advance):
            if wanted(shot.sample):
                waiting.append(shot)
            if len(waiting) >= _BATCH:
                await asyncio.to_thread(_pass_on, waiting, model, take)
                waiting = []
        if waiting:
            await asyncio.to_thread(_pass_on, waiting, model, take)


def epochs(steps: Iterable[int]) -> Iterator[int]:
    """Steps of a fit with a bar."""
    known = list(steps)
    with _bar("epochs", len(known)) as advance:
        for step in known:
            yield step
            advance()


def _pass_on(shots: Sequence[Shot], model: EncoderModel, take: Take) -> None:
    take([shot.sample for shot in shots], model.prepare([shot.pixels for shot in shots]))


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)
