"""Why an upload cannot be used, in words for whoever sent it."""

from typing import Final, Literal

Fault = Literal["media", "ours"]
Upload = Literal["picture", "video"]
LONGEST: Final = 300
"""Characters."""


class Unusable(Exception):  # noqa: N818 - reads as what happened
    """The upload cannot be decoded. The text is for the client; ``fault`` says whether it is the media's or ours."""

    def __init__(self, words: str, fault: Fault = "media") -> None:
        self.fault: Fault = fault
        super().__init__(words[:LONGEST])


def too_fat(what: Upload) -> str:
    """Its worker may not take so much memory."""
    return f"the {what} takes more memory to decode than it may"
