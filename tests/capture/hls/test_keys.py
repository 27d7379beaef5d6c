"""Keys and init sections: the right vector, whole blocks, and one request each."""

import pytest

from streamwatch.capture.hls.keys import MAX_KEPT, Cypher, KeyRing
from streamwatch.capture.hls.playlist import ByteRange, InitSection, Key, Segment
from streamwatch.errors import SourceError
from streamwatch.network.connections import Connections
from streamwatch.network.session import Access, GuardedSession, Reply
from tests.media import encrypt
from tests.origin import Origin

KEY = b"0123456789abcdef"
IV = bytes(range(16))
CLEAR = bytes(range(250)) * 5


def segment(sequence: int, key: Key | None = None, init: InitSection | None = None) -> Segment:
    return Segment(sequence, "http://a/x.ts", 2.0, 0, None, None, key, init, gap=False)


class Ring:
    """A key ring on a real session."""

    def __init__(self, origin: Origin, connections: Connections) -> None:
        self._session = GuardedSession(Access(url=origin.url("/")), connections)
        self.keys = KeyRing(self._fetch)

    async def _fetch(self, url: str, *, limit: int, byte_range: ByteRange | None = None) -> Reply:
        return await self._session.get(url, limit=limit, within=2.0, byte_range=byte_range)


def test_whole_segment() -> None:
    assert Cypher(KEY, IV).decrypt(encrypt(CLEAR, KEY, IV), complete=True) == CLEAR


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 500, 1000])
def test_beginning_of_a_segment(size: int) -> None:
    clear = Cypher(KEY, IV).decrypt(encrypt(CLEAR, KEY, IV)[:size], complete=False)
    assert clear == CLEAR[: size // 16 * 16]


def test_what_does_not_open() -> None:
    locked = encrypt(CLEAR, KEY, IV)
    for data, key in ((locked[:-5], KEY), (locked, b"another key 1234"[:16]), (CLEAR[:160], KEY)):
        with pytest.raises(SourceError) as caught:
            Cypher(key, IV).decrypt(data, complete=True)
        assert caught.value.code == "encrypted"


async def test_vector_is_the_playlists_or_the_segments_number() -> None:
    async with Origin() as origin, Connections() as connections:
        origin.files["/k"] = KEY
        ring = Ring(origin, connections).keys
        numbered = await ring.cypher(segment(70_000, Key("AES-128", origin.url("/k"), None, "identity")))
        told = await ring.cypher(segment(70_000, Key("AES-128", origin.url("/k"), IV, "identity")))
        assert numbered == Cypher(KEY, (70_000).to_bytes(16, "big"))
        assert told == Cypher(KEY, IV)
        assert await ring.cypher(segment(1)) is None
        assert origin.count("/k") == 1


async def test_only_so_many_are_kept() -> None:
    async with Origin() as origin, Connections() as connections:
        ring = Ring(origin, connections).keys
        for number in (*range(MAX_KEPT + 1), MAX_KEPT, 0):
            origin.files[f"/k{number}"] = KEY
            await ring.cypher(segment(1, Key("AES-128", origin.url(f"/k{number}"), IV, "identity")))
        assert origin.count(f"/k{MAX_KEPT}") == 1
        assert origin.count("/k0") == 2


@pytest.mark.parametrize("ranges", [False, True])
async def test_init_section_that_is_part_of_a_file(ranges: bool) -> None:
    async with Origin() as origin, Connections() as connections:
        origin.ranges = ranges
        origin.files["/all"] = b"x" * 100 + b"\x00\x00\x00\x18ftypiso5" + b"y" * 500
        ring = Ring(origin, connections).keys
        wanted = segment(1, None, InitSection(origin.url("/all"), (100, 199)))
        assert await ring.init_section(wanted) == origin.files["/all"][100:200]
        await ring.init_section(wanted)
        assert origin.count("/all") == 1
        assert await ring.init_section(segment(1)) == b""
