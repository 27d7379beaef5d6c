"""``streamwatch status`` reaches the daemon however it listens."""

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from streamwatch.app.inspection import show_status
from streamwatch.settings.schema import Settings
from streamwatch.settings.tls import server_context
from tests.web.front import Front

READY: dict[str, Any] = {
    "ok": True,
    "problems": [],
    "warnings": [],
    "streams": {"configured": 0, "states": {}},
    "coverage": None,
    "not_detected": {},
}


async def _ready(_: web.Request) -> web.Response:
    return web.json_response(READY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    issued = trustme.CA().issue_cert("moderation.example.net")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "chain.pem").write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    return tmp_path


def _config(folder: Path, port: int, *, tls: bool) -> Path:
    file = folder / "streamwatch.toml"
    file.write_text(f"[server]\nport = {port}\n" + ('tls_cert = "chain.pem"\ntls_key = "key.pem"\n' if tls else ""))
    return file


def _tls(folder: Path) -> ssl.SSLContext:
    return server_context(str(folder / "chain.pem"), str(folder / "key.pem"))


async def test_in_clear(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with Front([web.get("/health/ready", _ready)]) as front:
        assert await show_status(_config(folder, front.port, tls=False), {}, url=None, as_json=False) == 0
    assert capsys.readouterr().out.startswith("ready")


async def test_with_the_daemons_own_certificate_under_any_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Front([web.get("/health/ready", _ready)], tls=_tls(folder)) as front:
        assert await show_status(_config(folder, front.port, tls=True), {}, url=None, as_json=False) == 0
    assert capsys.readouterr().out.startswith("ready")


async def test_not_with_another_certificate(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    serving = _tls(folder)
    other = trustme.CA().issue_cert("moderation.example.net")
    other.private_key_pem.write_to_path(folder / "key.pem")
    other.cert_chain_pems[0].write_to_path(folder / "chain.pem")
    async with Front([web.get("/health/ready", _ready)], tls=serving) as front:
        assert await show_status(_config(folder, front.port, tls=True), {}, url=None, as_json=False) == 1
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8480"),
        ("::1", "http://[::1]:8480"),
        ("0.0.0.0", "http://127.0.0.1:8480"),
        ("::", "http://[::1]:8480"),
        ("10.0.0.7", "http://10.0.0.7:8480"),
    ],
)
def test_where_a_program_on_this_machine_asks(host: str, url: str) -> None:
    assert Settings.model_validate({"server": {"host": host}}).server.own_url == url
