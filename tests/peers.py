"""Real servers for the tests, each on free ports of 127.0.0.1 and in a folder of its own, all ended with the test."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import pytest

from tests.receiver import Received, Receiver
from tests.server_process import CHECKOUT, ServerProcess, binary, free_port, missing

__all__ = [
    "CHECKOUT",
    "Mosquitto",
    "Nginx",
    "Peers",
    "Prometheus",
    "Received",
    "Receiver",
    "ServerProcess",
    "binary",
    "free_port",
]

RTMP_MODULES = tuple(
    Path(folder) / "ngx_rtmp_module.so" for folder in ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules")
)


@dataclass(frozen=True)
class Nginx:
    """nginx with the RTMP module: application ``live`` (also as HLS) and a folder served by HTTP."""

    process: ServerProcess
    rtmp_port: int
    http_port: int
    www: Path
    """Served at ``/``."""
    hls: Path
    """Where ``live`` writes ``<name>.m3u8``; served at ``/hls/``."""
    access_log: Path

    def rtmp_url(self, name: str) -> str:
        return f"rtmp://127.0.0.1:{self.rtmp_port}/live/{name}"

    def hls_url(self, name: str) -> str:
        """Exists some seconds after the first publisher's packet."""
        return f"http://127.0.0.1:{self.http_port}/hls/{name}.m3u8"

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.http_port}/{path.lstrip('/')}"

    def requests(self) -> list[tuple[str, int, int, str]]:
        """(request URI, status, body bytes sent, Range header or ``-``) of every finished request."""
        rows = [line.split(" ") for line in self.access_log.read_text().splitlines()]
        return [(row[0], int(row[1]), int(row[2]), row[3]) for row in rows]


_NGINX = """
load_module {module};
daemon off;
master_process off;
{user}pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 512; }}
rtmp {{
    server {{
        listen 127.0.0.1:{rtmp_port};
        chunk_size 4096;
        application live {{
            live on;
            hls on;
            hls_path {folder}/hls;
            hls_fragment {fragment}s;
            hls_playlist_length {playlist}s;
        }}
    }}
}}
http {{
    types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; video/mp4 mp4 m4s; image/jpeg jpg; }}
    log_format bytes "$request_uri $status $body_bytes_sent $http_range";
    access_log {folder}/access.log bytes;
    client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
    server {{
        listen 127.0.0.1:{http_port};
        root {folder}/www;
        location /hls/ {{ alias {folder}/hls/; add_header Cache-Control no-cache; }}
    }}
}}
"""


@dataclass(frozen=True)
class Mosquitto:
    """A broker that knows one user; ``process`` restarts, freezes or kills it."""

    process: ServerProcess
    port: int
    username: str
    password: str
    folder: Path


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that scrapes its targets every second."""

    process: ServerProcess
    url: str

    async def ready(self, within: float = 15.0) -> None:
        """Wait until it answers queries: its port is open before its storage is."""
        deadline = time.monotonic() + within
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(f"{self.url}/-/ready") as response:
                    if response.status == 200:
                        return
                if time.monotonic() > deadline:
                    pytest.fail(f"prometheus is not ready:\n{self.process.words()}")
                await asyncio.sleep(0.05)

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query; a wrong expression fails the test."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v1/query", params={"query": expression}) as response,
        ):
            answer = await response.json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result


class Peers:
    """Starts peers on demand and ends them all, in reverse order, when the test is over."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def process(
        self, command: Sequence[str], name: str, *, port: int | None = None, env: Mapping[str, str] | None = None
    ) -> ServerProcess:
        """Any program; started, and ready when ``port`` answers."""
        process = ServerProcess(command, self._folder / f"{name}.log", port=port, env=env)
        self._stack.push_async_callback(process.stop)
        await process.start()
        return process

    async def nginx(self, *, fragment: float = 2.0, playlist: float = 20.0) -> Nginx:
        """nginx with RTMP; ``fragment`` and ``playlist`` are the HLS lengths in seconds."""
        program = binary("nginx", "nginx-light")
        module = next((path for path in RTMP_MODULES if path.exists()), None)
        if module is None:
            missing("nginx has no RTMP module (Debian package libnginx-mod-rtmp); `make test` installs it")
        folder = self._new_folder("nginx")
        for name in ("www", "hls", "tmp"):
            (folder / name).mkdir()
        rtmp_port, http_port = free_port(), free_port()
        config = folder / "nginx.conf"
        config.write_text(
            _NGINX.format(
                module=module,
                user="user root;\n" if os.geteuid() == 0 else "",
                folder=folder,
                rtmp_port=rtmp_port,
                http_port=http_port,
                fragment=f"{fragment:g}",
                playlist=f"{playlist:g}",
            )
        )
        command = [program, "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")]
        process = await self.process(command, folder.name, port=http_port)
        return Nginx(process, rtmp_port, http_port, folder / "www", folder / "hls", folder / "access.log")

    async def publisher(self, url: str, clip: Path, *, loops: int = 0) -> ServerProcess:
        """Publish ``clip`` to an RTMP server in real time; returns once the first packet is on its way."""
        log = self._new_folder("publisher") / "publisher.log"
        process = ServerProcess([sys.executable, "-m", "tests.publisher", url, str(clip), "--loops", str(loops)], log)
        self._stack.push_async_callback(process.stop)
        await process.start()
        deadline = time.monotonic() + 15.0
        while "publishing" not in process.words():
            if time.monotonic() > deadline:
                pytest.fail(f"the publisher does not publish:\n{process.words()}")
            await asyncio.sleep(0.05)
        return process

    async def mosquitto(self, *, tls: tuple[Path, Path, Path] | None = None) -> Mosquitto:
        """A broker with one user; ``tls`` is (CA, certificate, key)."""
        program = binary("mosquitto", "mosquitto")
        folder, port = self._new_folder("mosquitto"), free_port()
        (folder / "data").mkdir()
        broker = Mosquitto(
            ServerProcess([program, "-c", str(folder / "m.conf")], folder / "m.log", port=port),
            port,
            "watcher",
            "s3cret-pw",
            folder,
        )
        passwords = folder / "passwords"
        maker = await self.process(
            [binary("mosquitto_passwd", "mosquitto"), "-c", "-b", str(passwords), broker.username, broker.password],
            "passwd",
        )
        assert await maker.wait(10.0) == 0, maker.words()
        lines = [
            f"listener {port} 127.0.0.1",
            "allow_anonymous false",
            f"password_file {passwords}",
            "persistence true",
            f"persistence_location {folder}/data/",
            "autosave_interval 1",
            *(["user root"] if os.geteuid() == 0 else []),
        ]
        if tls is not None:
            lines[1:1] = [f"{word} {path}" for word, path in zip(("cafile", "certfile", "keyfile"), tls, strict=True)]
        (folder / "m.conf").write_text("\n".join(lines) + "\n")
        self._stack.push_async_callback(broker.process.stop)
        await broker.process.start()
        return broker

    async def prometheus(self, *targets: str, job: str = "streamwatch") -> Prometheus:
        """Scrapes ``host:port`` targets every second at ``/metrics``."""
        program = binary("prometheus", "prometheus")
        folder, port = self._new_folder("prometheus"), free_port()
        config = folder / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
            f"scrape_configs:\n  - job_name: {job}\n    static_configs:\n      - targets: {list(targets)}\n"
        )
        command = [
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        prometheus = Prometheus(await self.process(command, folder.name, port=port), f"http://127.0.0.1:{port}")
        await prometheus.ready()
        return prometheus

    async def receiver(self) -> Receiver:
        """A webhook receiver inside this process."""
        receiver = Receiver()
        self._stack.push_async_callback(receiver.stop)
        await receiver.start()
        return receiver

    def _new_folder(self, name: str) -> Path:
        for number in range(100):
            folder = self._folder / f"{name}{number}"
            if not folder.exists():
                folder.mkdir(parents=True)
                return folder
        raise AssertionError(f"more than 100 {name} in one test")
