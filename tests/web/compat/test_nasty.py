"""Requests that no client should send: each gets an answer in the envelope, and the next good one is served."""

import os
import random
import zlib
from urllib.parse import urlencode

import pytest

from tests.web.compat.house import House
from tests.web.compat.raw import BOUNDARY, Part, call, fields, multipart, send

pytestmark = pytest.mark.asyncio(loop_scope="package")

MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
FORM = "application/x-www-form-urlencoded"
DISPOSITION = f"--{BOUNDARY}\r\nContent-Disposition: form-data; "
RNG = random.Random(7)


def request(
    body: bytes,
    content_type: str | None = MULTIPART,
    *,
    path: str = "/1.0/check.json",
    extra: str = "",
    method: str = "POST",
) -> bytes:
    kind = "" if content_type is None else f"Content-Type: {content_type}\r\n"
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\n{kind}{extra}Content-Length: {len(body)}\r\n\r\n"
    return head.encode("utf-8", "surrogateescape") + body


def many(count: int) -> str:
    return "&".join(f"p{n}=x" for n in range(count))


def gzipped(size: int) -> bytes:
    return zlib.compress(bytes(size), 9, wbits=31)


NASTY = {
    "no boundary": request(b"--x\r\n\r\n--x--", "multipart/form-data"),
    "another boundary": request(multipart([Part("a", b"b")], "other")),
    "an endless boundary": request(b"--x", f"multipart/form-data; boundary={'x' * 5000}"),
    "an empty multipart body": request(b""),
    "only the last boundary": request(f"--{BOUNDARY}--\r\n".encode()),
    "a part without an end": request(f'{DISPOSITION}name="media"\r\n\r\nabc'.encode()),
    "headers without an end": request(f'{DISPOSITION}name="media"\r\nX: y'.encode()),
    "headers that are too long": request(f"{DISPOSITION}name=media\r\nX: {'y' * 100_000}\r\n\r\nz".encode()),
    "a part without a name": request(f"{DISPOSITION}\r\n\r\nabc\r\n--{BOUNDARY}--".encode()),
    "a part without headers": request(f"--{BOUNDARY}\r\n\r\nabc\r\n--{BOUNDARY}--".encode()),
    "parts in parts": request(
        f"{DISPOSITION}name=a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".encode()
        + f"--b\r\n\r\n--b--\r\n--{BOUNDARY}--".encode()
    ),
    "10,000 parts": request(multipart([Part(f"p{n}", b"x") for n in range(10_000)])),
    "10,000 parameters in a form": request(many(10_000).encode(), FORM),
    "10,000 parameters in the query": request(b"", None, path=f"/1.0/check.json?{many(10_000)}"),
    "300 parameters in the query": request(b"", None, path=f"/1.0/check.json?{many(300)}"),
    "a huge parameter in a part": request(multipart([Part("models", b"x" * 1_000_000)])),
    "a huge parameter in a form": request(b"models=" + b"x" * 1_000_000, FORM),
    "a huge name in a form": request(b"x" * 100_000 + b"=1", FORM),
    "a form that is no UTF-8": request(b"models=%ff%fe&api_user=\xff", FORM),
    "a part that is no UTF-8": request(multipart([Part("models", b"\xff\xfe")])),
    "a name that is no UTF-8": request(DISPOSITION.encode() + b"name=\xff\r\n\r\nx\r\n--" + BOUNDARY.encode() + b"--"),
    "a query that is no UTF-8": request(b"", None, path="/1.0/check.json?models=%ff%fe"),
    "a query of raw bytes": request(b"", None, path="/1.0/check.json?models=\udcff\udcfe"),
    "a query of percent signs": request(b"", None, path="/1.0/check.json?%%%=%zz&&&==&%00=%00"),
    "a path of percent signs": request(b"", None, path="/1.0/%00%ff%2e%2e/check.json"),
    "a path upwards": request(b"", None, path="/1.0/../1.0/../../etc/passwd"),
    "a long path": request(b"", None, path="/1.0/" + "x" * 7000),
    "a path that is too long": request(b"", None, path="/1.0/" + "x" * 100_000),
    "an upload token of nonsense": request(b"x", None, path="/1.0/upload/%ff%00..%2f", method="PUT"),
    "an upload of a long token": request(b"x", None, path="/1.0/upload/" + "A" * 4000 + "." + "B" * 2000, method="PUT"),
    "an upload without a token": request(b"x", None, path="/1.0/upload/", method="PUT"),
    "JSON": request(b'{"models": "gore-2.0"}', "application/json"),
    "no type at all": request(b"hello", None),
    "a type of nonsense": request(b"hello", ";;;==\x7f"),
    "media as text": request(b"media=abc", FORM),
    "a body that is no gzip": request(b"hello", MULTIPART, extra="Content-Encoding: gzip\r\n"),
    "a bomb in gzip": request(gzipped(64_000_000), FORM, extra="Content-Encoding: gzip\r\n"),
    "bad chunks": (
        f"POST /1.0/check.json HTTP/1.1\r\nHost: x\r\nContent-Type: {MULTIPART}\r\n"
        "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"
    ).encode(),
    "two lengths": b"POST /1.0/check.json HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a negative length": b"POST /1.0/check.json HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "an expectation": request(b"", None, extra="Expect: the unexpected\r\n"),
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "noise": request(RNG.randbytes(5000)),
    "noise after a good beginning": request(f"{DISPOSITION}name=media\r\n\r\n".encode() + RNG.randbytes(5000)),
    "a name with control characters": request(multipart([Part("models\x00\x1b[31m", b"x")])),
    "the same parameter differently": request(b"models=gore&api_user=a&api_user=b&api_secret=c", FORM),
}  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
async def test_an_answer_in_the_envelope_and_the_next_one_is_served(house: House, name: str) -> None:
    uploads = house.uploads()
    answer = await send(house.port, NASTY[name])
    assert answer is not None, "no answer at all"
    assert 400 <= answer.status < 500, answer
    document = answer.json
    assert list(document) == ["status", "request", "error"]
    assert document["status"] == "failure"
    assert len(answer.body) < 2000
    assert "Traceback" not in document["error"]["message"]
    assert house.log.events("http.unexpected") == []
    assert house.uploads() == uploads
    parts = [house.picture_part, *fields(models="gore-2.0", **house.credentials)]
    good = await call(house.port, "POST", "/1.0/check.json", parts=parts)
    assert (good.status, good.json["status"]) == (200, "success")


@pytest.mark.parametrize("cut", [1, 10, 100, 200, 1000])
async def test_bodies_that_break_off(house: House, cut: int) -> None:
    body = multipart([house.picture_part, *fields(models="gore-2.0", **house.credentials)])
    whole = request(body)
    answer = await send(house.port, whole[: len(whole) - cut], then_close=True)
    if answer is not None:
        assert 400 <= answer.status < 500
        assert answer.json["error"]["type"] == "request_error"
    parts = [house.picture_part, *fields(models="gore-2.0", **house.credentials)]
    assert (await call(house.port, "POST", "/1.0/check.json", parts=parts)).status == 200
    assert house.log.events("http.unexpected") == []


async def test_a_flood_of_strange_parameters_beside_good_ones(house: House) -> None:
    query = urlencode({f"opt_{n}": os.urandom(4).hex() for n in range(200)} | house.credentials)
    answer = await call(
        house.port, "POST", f"/1.0/check.json?{query}", parts=[house.picture_part, *fields(models="gore")]
    )
    assert answer.status == 200


async def test_head_has_no_body(house: House) -> None:
    answer = await send(house.port, b"HEAD /1.0/check.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", head=True)
    assert answer is not None
    assert (answer.status, answer.body) == (405, b"")
