"""A small model hub on 127.0.0.1: resolve with Range, large files behind a redirect, and faults when told."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "c0ffee" * 6 + "abcd"
_LARGE = 10_000


@dataclass
class ModelHub:
    """What it serves, and what it was asked."""

    folder: Path
    repository: str
    url: str = ""
    revisions: dict[str, str] = field(default_factory=lambda: {COMMIT: COMMIT, "main": COMMIT})
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """(method, path, Range header)."""
    break_after: dict[str, list[int]] = field(default_factory=dict)
    """File -> bytes of each coming answer after which the connection is cut."""
    swapped: dict[str, bytes] = field(default_factory=dict)
    """File -> what is served in its place, with the hash of the true one."""
    statuses: dict[str, list[int]] = field(default_factory=dict)
    ranges: bool = True
    lengths: bool = True
    """Whether answers say how long they are; else they end where the connection ends."""
    hashes: bool = True

    def ranges_of(self, name: str) -> list[str]:
        """The Range header of each request for the bytes of a file."""
        return [span for method, path, span in self.asked if method == "GET" and path.endswith(f"cdn/{name}")]


@contextmanager
def serving(folder: Path, repository: str) -> Iterator[ModelHub]:
    """A hub that serves the files of a folder."""
    hub = ModelHub(folder, repository)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(hub: ModelHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            pass

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            hub.asked.append((self.command, self.path, self.headers.get("Range", "")))
            if found := re.fullmatch(r"/cdn/([^/]+)", self.path):
                self._bytes(found[1], {})
                return
            found = re.fullmatch(rf"/{re.escape(hub.repository)}/resolve/([^/]+)/([^/]+)", self.path)
            if found is None or found[1] not in hub.revisions or not (hub.folder / found[2]).is_file():
                self._plain(404)
                return
            name = found[2]
            if hub.statuses.get(name):
                self._plain(hub.statuses[name].pop(0))
                return
            content = (hub.folder / name).read_bytes()
            headers = {"X-Repo-Commit": hub.revisions[found[1]]}
            if len(content) < _LARGE:
                blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
                self._bytes(name, headers | ({"ETag": f'"{blob}"'} if hub.hashes else {}))
                return
            if hub.hashes:
                headers["X-Linked-Etag"] = f'"{hashlib.sha256(content).hexdigest()}"'
            headers |= {"X-Linked-Size": str(len(content)), "Location": f"{hub.url}/cdn/{name}"}
            self._plain(302, headers)

        def _plain(self, status: int, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _bytes(self, name: str, headers: dict[str, str]) -> None:
            content = hub.swapped.get(name, (hub.folder / name).read_bytes())
            start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")) if hub.ranges else None
            begin = int(start[1]) if start else 0
            if begin > len(content) or (begin and begin == len(content)):
                self._plain(416)
                return
            self.send_response(206 if start else 200)
            for key, value in headers.items():
                self.send_header(key, value)
            if start:
                self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
            if hub.lengths:
                self.send_header("Content-Length", str(len(content) - begin))
            else:
                self.close_connection = True
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command == "HEAD":
                return
            cuts = hub.break_after.get(name)
            cut = cuts.pop(0) if cuts else len(content)
            self.wfile.write(content[begin : begin + cut])
            if begin + cut < len(content):
                self.wfile.flush()
                self.close_connection = True

    return Handler
