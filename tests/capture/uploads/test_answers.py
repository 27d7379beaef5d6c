"""What a worker says is believed only where it fits what it was asked."""

from typing import Any

import pytest

from streamwatch.capture.uploads.answers import ended_of, frame_of, number_of, opened_of, still_of
from streamwatch.capture.uploads.pictures import Still
from streamwatch.capture.wire import Message, WireError
from streamwatch.errors import RequestError

STILL = {"kind": "still", "number": 1, "format": "PNG", "total": 3, "shots": [[2, 1, 20, 10], [1, 1, 10, 10]]}
FRAME = {"kind": "frame", "number": 1, "width": 2, "height": 1, "source_width": 4, "source_height": 2, "position": 1.5}
END = {"kind": "end", "number": 1, "words": None, "fault": None, "damaged": 0}


def test_a_still_becomes_pictures() -> None:
    still = still_of(Message(STILL, b"abcdefghi"), short_side=8, most=2)
    assert isinstance(still, Still)
    assert (still.format, still.total) == ("PNG", 3)
    first, second = still.pictures
    assert first.pixels.tolist() == [[[97, 98, 99], [100, 101, 102]]]
    assert (first.source_width, first.source_height) == (20, 10)
    assert second.pixels.tobytes() == b"ghi"
    assert first.pixels.flags.writeable


STRANGE_STILLS: dict[str, tuple[dict[str, Any], bytes]] = {
    "more than asked": ({"shots": [[1, 1, 1, 1]] * 3}, b"rgb" * 3),
    "none": ({"shots": [], "total": 0}, b""),
    "fewer than there are": ({"total": 1}, b"abcdefghi"),
    "too short": ({}, b"abcdefgh"),
    "too long": ({}, b"abcdefghij"),
    "too wide": ({"shots": [[33, 1, 1, 1]]}, b"rgb" * 33),
    "negative": ({"shots": [[-1, -1, 1, 1]]}, b"rgb"),
    "of nothing": ({"shots": [[1, 1, 0, 1]]}, b"rgb"),
    "of too much": ({"shots": [[1, 1, 99_999, 99_999]]}, b"rgb"),
    "torn": ({"shots": [[1, 1, 1]]}, b"rgb"),
    "long name": ({"format": "x" * 17}, b"abcdefghi"),
    "unknown": ({"colour": "red"}, b"abcdefghi"),
    "another kind": ({"kind": "become-root"}, b"abcdefghi"),
    "no name": ({"format": None}, b"abcdefghi"),
}


@pytest.mark.parametrize("name", STRANGE_STILLS)
def test_a_still_that_does_not_fit_is_not_believed(name: str) -> None:
    changes, payload = STRANGE_STILLS[name]
    with pytest.raises(WireError):
        still_of(Message({**STILL, **changes}, payload), short_side=8, most=2)


def test_a_refusal_is_bounded_redacted_and_of_a_known_kind() -> None:
    said = {"kind": "refused", "number": 1, "words": "no: rtmp://u:hunter2@host/x " + "y" * 900, "fault": "media"}
    refused = still_of(Message(said), 8, 1)
    assert isinstance(refused, RequestError)
    assert refused.type == "media_error"
    assert "hunter2" not in str(refused)
    assert len(str(refused)) == 300
    ours = still_of(Message({**said, "fault": "ours"}), 8, 1)
    assert isinstance(ours, RequestError)
    assert ours.type == "api_error"
    with pytest.raises(WireError):
        still_of(Message({**said, "fault": "yours"}), 8, 1)


def test_a_clip_is_believed_as_long_as_it_runs_forward() -> None:
    frame = frame_of(Message(FRAME, b"rgbrgb"), 8, after=1.5)
    assert (frame.position, frame.pixels.shape, frame.source_width) == (1.5, (1, 2, 3), 4)
    for changes, payload in (
        ({}, b"rgb"),
        ({}, b"rgbrgbrgb"),
        ({"position": 1.4}, b"rgbrgb"),
        ({"position": 1e300}, b"rgbrgb"),
        ({"width": 33}, b"rgb" * 33),
        ({"position": "soon"}, b"rgbrgb"),
    ):
        with pytest.raises(WireError):
            frame_of(Message({**FRAME, **changes}, payload), 8, after=1.5)


def test_beginnings_and_ends() -> None:
    assert opened_of(Message({"kind": "opened", "number": 1, "duration": 3.5})).duration == 3.5
    assert opened_of(Message({"kind": "opened", "number": 1, "duration": None})).duration is None
    assert ended_of(Message(END)).words is None
    assert number_of(Message(END)) == 1
    for message in (
        Message({"kind": "opened", "number": 1, "duration": -1.0}),
        Message({"kind": "opened", "number": 1, "duration": 1e300}),
    ):
        with pytest.raises(WireError):
            opened_of(message)
    for changes in ({"damaged": -1}, {"damaged": 10**7}, {"words": 7}, {"fault": "luck"}):
        with pytest.raises(WireError):
            ended_of(Message({**END, **changes}))
    with pytest.raises(WireError):
        number_of(Message({"kind": "end", "number": "1"}))
