"""What clients in Node, PHP, Ruby and C# put on the wire."""

import asyncio
import base64
from urllib.parse import urlencode

import pytest

from tests.web.compat.house import House
from tests.web.compat.raw import BOUNDARY, Part, call, fields, multipart, send

pytestmark = pytest.mark.asyncio(loop_scope="package")

URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}


async def by_file(house: House) -> object:
    parts = [house.picture_part, *fields(models="gore-2.0", **house.credentials)]
    return (await call(house.port, "POST", "/1.0/check.json", parts=parts)).json["gore"]


async def test_node_doubles_the_slash_of_video_calls(house: House) -> None:
    query = urlencode({"stream_url": house.origin.url("/video.mp4"), "models": "gore-2.0", **house.credentials})
    answer = await call(house.port, "GET", f"//1.0/video/check-sync.json?{query}")
    assert (answer.status, len(answer.json["data"]["frames"])) == (200, 3)
    answer = await call(house.port, "GET", f"//1.0//video/check.json?{query}")
    assert (answer.status, answer.json["status"]) == (200, "success")


@pytest.mark.parametrize("prefix", [b"", b"data:image/png;base64,"])
async def test_node_sends_bytes_as_base64(house: House, prefix: bytes) -> None:
    encoded = prefix + base64.b64encode(house.picture.read_bytes())
    parts = [
        *fields(models="gore-2.0", **house.credentials),
        Part("media", encoded, "image.png", "image/png"),
    ]
    answer = await call(house.port, "POST", "/1.0/check.json", parts=parts)
    assert answer.json["gore"] == await by_file(house)
    assert answer.json["media"]["uri"] == "image.png"


async def test_node_sends_the_body_in_chunks(house: House) -> None:
    body = multipart([*fields(models="gore-2.0", **house.credentials), house.picture_part])
    head = (
        f"POST /1.0/check.json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    ).encode()
    chunks = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    answer = await send(house.port, head + framed)
    assert answer is not None
    assert answer.json["gore"] == await by_file(house)


async def test_php_sends_credentials_in_the_query_of_a_multipart_post(house: House) -> None:
    query = urlencode({"models": "gore-2.0", **house.credentials})
    answer = await call(house.port, "POST", f"/1.0/check.json?{query}", parts=[house.picture_part])
    assert answer.json["gore"] == await by_file(house)


async def test_php_sends_bytes_without_a_file_name(house: House) -> None:
    query = urlencode({"models": "gore-2.0", **house.credentials})
    part = Part("media", house.picture.read_bytes())
    answer = await call(house.port, "POST", f"/1.0/check.json?{query}", parts=[part])
    assert answer.json["gore"] == await by_file(house)
    assert answer.json["media"]["uri"] == "media"


async def test_php_numbers_the_files_of_a_bulk(house: House) -> None:
    content = house.picture.read_bytes()
    parts = [Part(f"media[{n}]", content, f"{n}.jpg") for n in range(2)]
    answer = await call(
        house.port, "POST", "/1.0/check.json", parts=[*parts, *fields(models="gore", **house.credentials)]
    )
    assert [item["media"]["uri"] for item in answer.json["data"]] == ["0.jpg", "1.jpg"]


async def test_ruby_posts_everything_urlencoded(house: House) -> None:
    form = {"url": house.origin.url("/picture.jpg"), "models": "gore-2.0", **house.credentials}
    answer = await call(house.port, "POST", "/1.0/check.json", body=urlencode(form).encode(), headers=URLENCODED)
    assert answer.json["gore"] == await by_file(house)


async def test_a_post_with_an_empty_body_and_everything_in_the_query(house: House) -> None:
    form = {"url": house.origin.url("/picture.jpg"), "models": "gore-2.0", **house.credentials}
    for headers in ({}, URLENCODED, {"Content-Type": "application/json"}):
        answer = await call(house.port, "POST", f"/1.0/check.json?{urlencode(form)}", headers=headers)
        assert answer.status == 200


async def test_a_content_type_is_never_believed(house: House) -> None:
    part = Part("media", house.picture.read_bytes(), "movie.mp4", "video/mp4")
    parts = [part, *fields(models="gore-2.0", **house.credentials)]
    answer = await call(house.port, "POST", "/1.0/check.json", parts=parts)
    assert answer.json["gore"] == await by_file(house)
    part = Part("media", house.video.read_bytes(), "picture.jpg", "image/jpeg")
    parts = [part, *fields(models="gore-2.0", **house.credentials)]
    answer = await call(house.port, "POST", "/1.0/video/check-sync.json", parts=parts)
    assert len(answer.json["data"]["frames"]) == 3


async def test_unknown_parameters_are_ignored(house: House) -> None:
    query = urlencode({"opt_generators": "on", "lang": "en", "a": "", **house.credentials})
    parts = [*fields(models="gore", opt_x="1"), house.picture_part]
    assert (await call(house.port, "POST", f"/1.0/check.json?{query}", parts=parts)).status == 200


async def test_curl_asks_before_it_sends_a_large_body(house: House) -> None:
    body = multipart([*fields(models="gore-2.0", **house.credentials), house.picture_part])
    head = (
        f"POST /1.0/check.json HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    async with asyncio.timeout(10):
        writer.write(head)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    writer.close()
    assert (await send(house.port, head + body)) is not None
