"""The access log says who asked for what, and holds no query, body, token or secret."""

import asyncio

import pytest
from aiohttp import web

from tests.web.front import Front

SECRETS = {"api_user": "shop", "api_secret": "hunter2hunter2"}


async def test_a_line_for_each_request() -> None:
    async with Front() as front:
        async with front.client.get(front.url + "/1.0/check.json", params=SECRETS) as answer:
            size = len(await answer.read())
        async with front.client.get(front.url + "/1.0/check.json", params={"api_user": "x", "api_secret": "y"}):
            pass
        admitted, refused = front.requests()
    assert admitted["seconds"] >= 0
    assert size < admitted["bytes"] < size + 400, "all that was sent, the head too"
    shown = {key: admitted[key] for key in ("method", "path", "status", "client", "remote", "level")}
    assert shown == {
        "method": "GET",
        "path": "/1.0/check.json",
        "status": 200,
        "client": "shop",
        "remote": "127.0.0.1",
        "level": "info",
    }
    assert (refused["status"], refused["client"]) == (401, None)


async def test_scrapes_are_for_debugging() -> None:
    async with Front() as front:
        async with front.client.get(front.url + "/health/live"):
            pass
        assert [line["level"] for line in front.requests()] == ["debug"]
        front.logs.configure("json", "info")
        async with front.client.get(front.url + "/health/live"):
            pass
        assert len(front.requests()) == 1


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/1.0/check.json?api_secret=hunter2hunter2&api_user=shop", "/1.0/check.json"),
        ("//1.0/check.json?api_secret=hunter2hunter2", "//1.0/check.json"),
        ("/1.0/upload/bWVkX2hSdW50ZXIyaHVudGVyMmh1bnRlcjI6aHVudGVyMmh1bnRlcjI.aHVudGVyMmh1bnRlcjI", "/1.0/upload/***"),
        ("/1.0/upload/" + "hunter2" * 20, "/1.0/upload/***"),
        ("/api/v1/streams/lobby_2;api_secret=hunter2hunter2", "/api/v1/streams/***"),
        ("/a%0a%1b[31mb?x=hunter2hunter2", "/a%0a%1b[31mb"),
        ("/nothing?hunter2hunter2", "/nothing"),
        ("/nothing#hunter2hunter2", "/nothing"),
    ],
)
async def test_what_of_a_path_is_shown(path: str, shown: str) -> None:
    async with Front() as front:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        said = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert said.startswith(b"HTTP/1.1 ")
        assert b"hunter2" not in said
        (line,) = front.requests()
        assert line["path"] == shown
        assert "hunter2" not in front.log


@pytest.mark.parametrize(
    "request_head",
    [
        "GET /1.0/check.json?api_secret=hunter2hunter2&x=" + "y" * 9000 + " HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /1.0/check.json?api_secret=hunter2hunter2 HTTP/nine\r\nHost: h\r\n\r\n",
        "GET /1.0/check.json?api_secret=hunter2hunter2 and more HTTP/1.1\r\nHost: h\r\n\r\n",
        "G{} /1.0/check.json?api_secret=hunter2hunter2 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /1.0/check.json HTTP/1.1\r\nHost: h\r\nAuthorization\x01: Bearer shop.hunter2hunter2\r\n\r\n",
        "GET /1.0/check.json HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer shop.hunter2hunter2\x00\r\n\r\n",
        "GET /1.0/check.json HTTP/1.1\r\nHost: h\r\n" + "X-Hunter2: hunter2hunter2\r\n" * 200 + "\r\n",
        "POST /1.0/body?k=hunter2hunter2 HTTP/1.1\r\nHost: h\r\nContent-Length: hunter2hunter2\r\n\r\n",
        "POST /1.0/body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nhunter2hunter2\r\n",
        "POST /1.0/body HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 14\r\n\r\nhunter2hunter2",
        "POST /1.0/none HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 14\r\n\r\nhunter2hunter2",
        "GET http://shop:hunter2hunter2@host:99999999/ HTTP/1.1\r\nHost: h\r\n\r\n",
    ],
)
async def test_a_malformed_request_is_repeated_nowhere(request_head: str) -> None:
    async with Front() as front:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writer.write(request_head.encode("latin-1"))
        said = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert b" 400 " in said.splitlines()[0] or b" 404 " in said.splitlines()[0]
        assert b'"type"' in said
        assert b"hunter2" not in said
        assert "hunter2" not in front.log
        assert [line["event"] for line in front.lines if line["level"] != "debug"] == ["http.request"]
        assert front.requests()[0]["remote"] == "127.0.0.1"


async def test_a_secret_in_an_exception_does_not_reach_the_log() -> None:
    async def handler(request: web.Request) -> web.Response:
        raise ValueError(f"cannot read {request.path_qs} of {dict(request.headers)}")

    async with Front([web.get("/1.0/broken", handler)]) as front:
        headers = {"Authorization": "Bearer shop.hunter2hunter2", "Cookie": "session=hunter2hunter2"}
        async with front.client.get(front.url + "/1.0/broken", params=SECRETS, headers=headers) as answer:
            assert "hunter2" not in await answer.text()
        assert "http.unexpected" in front.log
        assert "hunter2" not in front.log
