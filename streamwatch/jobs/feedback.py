"""A client says that a picture was misjudged: it becomes a labelled example that a later training can read."""

import asyncio
import io
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from PIL import Image

from streamwatch.errors import InferenceError, RequestError, StoreError
from streamwatch.inference.features import PictureFeatures
from streamwatch.jobs.ids import media_id
from streamwatch.jobs.neighbours import StillDecoder
from streamwatch.records.frame import Pixels
from streamwatch.store.feedback import Example, FeedbackStore

_GORE: Final = ("safe", "gore", "unknown")
CLASSES: Final[Mapping[str, tuple[str, ...]]] = {
    "gore-2.0": _GORE,
    "gore": _GORE,
    "self-harm": ("safe", "self-harm", "unknown"),
}
"""Model as a client may name it -> the classes that a picture may be said to have."""

KEPT_SIDE: Final = 512
"""Pixels of the short side of a kept picture: enough for other weights, too few to be the upload itself."""
_LONGEST_SIDE: Final = 4096
_QUALITY: Final = 90


class Feedback:
    """Takes complaints. Of an animation, its first picture is the example."""

    def __init__(
        self,
        pool: StillDecoder,
        features: Callable[[Pixels], Awaitable[PictureFeatures]],
        examples: FeedbackStore,
        *,
        short_side: int,
        keep_pictures: bool,
        new_id: Callable[[float], str] = media_id,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``short_side``: as the weights ask for; ``new_id``: Unix seconds -> an id; ``clock``: Unix seconds."""
        self._pool, self._features, self._examples = pool, features, examples
        self.short_side = short_side
        self.keep_pictures = keep_pictures
        """[api] keep_pictures; may be set at any time."""
        self._new_id, self._clock = new_id, clock

    @staticmethod
    def check(model: str, class_: str) -> None:
        """RequestError argument_error unless the model has the class. To be asked before a picture is fetched."""
        if model not in CLASSES:
            raise RequestError("argument_error", f"model: expected one of {', '.join(CLASSES)}")
        if class_ not in CLASSES[model]:
            raise RequestError(
                "argument_error", f"class: expected one of {', '.join(CLASSES[model])} for model {model}"
            )

    async def store(self, client: str, model: str, class_: str, picture: bytes, *, uri: str = "") -> str:
        """Keeps an example; its id, once it is on the disk.

        ``picture`` is the upload as it came, ``uri`` its name or URL without credentials. RequestError: argument_error,
        media_error when it cannot be decoded, api_error when it cannot be kept at the moment.
        """
        self.check(model, class_)
        pixels = await self._decoded(picture, self.short_side)
        try:
            found = await self._features(pixels)
            jpeg = await self._jpeg(picture) if self.keep_pictures else None
            created = self._clock()
            example = Example(
                id=self._new_id(created),
                created=created,
                client=client,
                model="gore-2.0" if model == "gore" else model,
                class_=class_,
                weights=found.weights,
                encoder=found.encoder,
                last=found.last,
                middle=found.middle,
                uri=uri,
            )
            await self._examples.add(example, jpeg)
        except (InferenceError, StoreError) as error:
            raise RequestError("api_error", "the feedback cannot be kept at the moment; try again later") from error
        return example.id

    async def forget(self, example: str, client: str | None = None) -> bool:
        """Deletes an example, of this client only if one is named; False when there is none. Raises StoreError."""
        return await self._examples.remove(example, client)

    async def _jpeg(self, upload: bytes) -> bytes:
        """Decoded where uploads are decoded, and encoded anew: nothing of the upload but its pixels is kept."""
        pixels = await self._decoded(upload, KEPT_SIDE)
        return await asyncio.to_thread(encode, pixels)

    async def _decoded(self, upload: bytes, short_side: int) -> Pixels:
        still = await self._pool.still(upload, short_side=short_side, max_pictures=1)
        return still.pictures[0].pixels


def encode(pixels: Pixels) -> bytes:
    """A JPEG without metadata, at most 4096 pixels a side."""
    image = Image.fromarray(pixels)
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
