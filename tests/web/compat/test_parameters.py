"""Every parameter: what is taken, and in which words the rest is refused."""

import base64

import pytest

from streamwatch.errors import RequestError
from streamwatch.web.compat.encoded import decode
from streamwatch.web.compat.models import parse_models
from streamwatch.web.compat.names import file_name, shown_url
from streamwatch.web.compat.parameters import MAX_PARAMETERS, MAX_VALUE, Parameters, parse_urlencoded

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256))


@pytest.mark.parametrize(
    ("values", "models"),
    [
        (["self-harm"], ("self-harm",)),
        (["gore-2.0,self-harm"], ("gore-2.0", "self-harm")),
        (["self-harm, gore-2.0 "], ("self-harm", "gore-2.0")),
        (["gore"], ("gore",)),
        (["self-harm", "gore-2.0"], ("self-harm", "gore-2.0")),
    ],
)
def test_models_in_any_order(values: list[str], models: tuple[str, ...]) -> None:
    assert parse_models(values) == models


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "models is missing"),
        ([""], "models is missing"),
        (["self-harm,"], "empty name"),
        (["self-harm,self-harm"], "'self-harm' twice"),
        (["gore,gore-2.0"], "'gore' and 'gore-2.0', which are one model"),
        (["nudity-2.1,gore-2.0"], "'nudity-2.1' is not offered by this server"),
        (["weapon"], "'weapon' is not offered by this server"),
        (["Gore-2.0"], "'Gore-2.0' is not known"),
        (["gore-3.0"], "'gore-3.0' is not known"),
        (["x" * 5000], r"'x{40}\.\.\.' is not known"),
    ],
)
def test_other_models_are_refused_and_the_known_ones_named(values: list[str], words: str) -> None:
    with pytest.raises(RequestError, match=words) as refusal:
        parse_models(values)
    assert refusal.value.type == "argument_error"
    assert "self-harm and gore-2.0 (or its older name gore)" in str(refusal.value)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize(
    ("value", "seconds"), [("0.5", 0.5), ("1", 1), ("2", 2), ("2.0", 2), ("5.000", 5), (".5", 0.5), ("", 2), (" 3 ", 3)]
)
def test_intervals_of_the_list(value: str, seconds: float) -> None:
    assert Parameters([("interval", value)]).interval() == seconds


@pytest.mark.parametrize(
    "value", ["0", "1.5", "6", "-1", "nan", "inf", "two", "2s", "1_0", "0.5.", "9" * 50, "٢", "2e0"]
)
def test_other_intervals_are_refused(value: str) -> None:
    with pytest.raises(RequestError, match=r"expected one of 0\.5, 1, 2, 3, 4, 5"):
        Parameters([("interval", value)]).interval()


@pytest.mark.parametrize(("value", "seconds"), [("60", 60.0), ("0.5", 0.5), ("3600", 3600.0), ("", None)])
def test_max_duration(value: str, seconds: float | None) -> None:
    assert Parameters([("max_duration", value)]).max_duration(3600.0) == seconds


@pytest.mark.parametrize("value", ["0", "-5", "3600.1", "1h", "nan", "inf", "1e3"])
def test_other_durations_are_refused(value: str) -> None:
    with pytest.raises(RequestError, match="expected seconds, more than 0 and at most 3600"):
        Parameters([("max_duration", value)]).max_duration(3600.0)


@pytest.mark.parametrize(
    "value", ["med_", "req_gmgHcUOwe41rWmqwPhVNU", "med_gmgHcUOwe41rWmqwPhVN", "med_/../../../etc/passwd1"]
)
def test_ids_of_another_form_are_refused(value: str) -> None:
    with pytest.raises(RequestError, match="expected med_ followed by 21 letters and digits"):
        Parameters([("id", value)]).required_media_id("id")


def test_an_id_is_taken_and_its_lack_is_refused() -> None:
    assert Parameters([("id", "med_gmgHcUOwe41rWmqwPhVNU")]).media_id("id") == "med_gmgHcUOwe41rWmqwPhVNU"
    with pytest.raises(RequestError, match="id is missing"):
        Parameters([("id", "")]).required_media_id("id")


def test_a_parameter_given_twice() -> None:
    parameters = Parameters([("url", "https://a.example/x.jpg"), ("url", "https://a.example/x.jpg")])
    assert parameters.text("url") == "https://a.example/x.jpg"
    parameters.add("url", "https://b.example/x.jpg")
    with pytest.raises(RequestError, match="url is given 2 times with different values"):
        parameters.text("url")


def test_too_much_is_refused() -> None:
    with pytest.raises(RequestError, match=f"more than {MAX_PARAMETERS} parameters"):
        parse_urlencoded("&".join(f"a{n}=1" for n in range(10_000)))
    parameters = Parameters((f"a{n}", "1") for n in range(MAX_PARAMETERS))
    with pytest.raises(RequestError, match=f"more than {MAX_PARAMETERS} parameters"):
        parameters.add("one", "more")
    with pytest.raises(RequestError, match="longer than"):
        Parameters([("url", "x" * (MAX_VALUE + 1))])
    with pytest.raises(RequestError, match="not valid UTF-8"):
        parse_urlencoded("models=%ff%fe")


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(JPEG),
        base64.urlsafe_b64encode(JPEG).rstrip(b"="),
        base64.encodebytes(JPEG),
        b"data:image/png;base64," + base64.b64encode(JPEG),
        b" \n" + base64.b64encode(JPEG),
    ],
)
def test_base64_pictures_are_recognised(text: bytes) -> None:
    assert decode(text) == JPEG


@pytest.mark.parametrize(
    "data", [JPEG, b"", b"hello world", b"GIF89a", b"A" * 25, b"data:image/png;base64,?" + b"A" * 40]
)
def test_anything_else_stays_as_it_is(data: bytes) -> None:
    assert decode(data) == data


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("image.jpg", "image.jpg"),
        ("/etc/passwd", "passwd"),
        ("C:\\pictures\\me.jpg", "me.jpg"),
        ("a\r\nSet-Cookie: b\x00\u202e.jpg", "aSet-Cookie: b.jpg"),
        (None, "media"),
        ("", "media"),
        ("..", "media"),
        ("x" * 400 + ".jpg", "x" * 251 + ".jpg"),
        ("y" * 400, "y" * 255),
    ],
)
def test_file_names_are_made_fit_to_be_shown(given: str | None, name: str) -> None:
    assert file_name(given) == name


def test_urls_are_shown_without_their_secrets() -> None:
    assert shown_url("https://example.org/img/example-fac-1000.jpg") == "https://example.org/img/example-fac-1000.jpg"
    shown = shown_url("https://me:hunter2@example.org/a.jpg?token=s3cret\n")
    assert "hunter2" not in shown
    assert "s3cret" not in shown
    assert "\n" not in shown
