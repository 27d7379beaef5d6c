"""Value types take what a person writes and refuse the rest in words."""

import pytest
from pydantic_core import PydanticCustomError

from streamwatch.settings.quantities import Confirm, parse_confirm, parse_duration, parse_size


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("500ms", 0.5),
        ("2s", 2.0),
        ("1.5s", 1.5),
        ("2 s", 2.0),
        ("5m", 300.0),
        ("5min", 300.0),
        ("1h", 3600.0),
        ("7d", 604800.0),
        (2, 2.0),
        (0.25, 0.25),
        (0, 0.0),
    ],
)
def test_durations(written: object, seconds: float) -> None:
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    ["", "2", "s", "-2s", "2 seconds", "2s ", "1e3s", "2S", -1, float("inf"), float("nan"), True, None, [2], "٢s2"],
)
def test_what_is_no_duration(written: object) -> None:
    with pytest.raises(PydanticCustomError, match="duration"):
        parse_duration(written)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("64MB", 64_000_000),
        ("1GiB", 1024**3),
        ("1.5 GiB", 3 * 1024**3 // 2),
        ("10kB", 10_000),
        ("10KiB", 10_240),
        ("5B", 5),
        (7, 7),
    ],
)
def test_sizes(written: object, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize("written", ["", "64", "64Mb", "64M", "-1MB", -1, 1.5, True, None])
def test_what_is_no_size(written: object) -> None:
    with pytest.raises(PydanticCustomError, match="size"):
        parse_size(written)


def test_confirmations() -> None:
    assert parse_confirm("2 of 3") == Confirm(2, 3)
    assert str(parse_confirm("1 of  1")) == "1 of 1"


@pytest.mark.parametrize("written", ["", "2", "2/3", "two of three", "0 of 3", "3 of 2", "1 of 61", 2, None])
def test_what_is_no_confirmation(written: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_confirm(written)
