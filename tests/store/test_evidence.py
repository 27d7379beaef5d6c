"""Evidence pictures: kept for their owner alone, bounded by size and age."""

import stat
from pathlib import Path

import pytest

from streamwatch.errors import StoreError
from streamwatch.store.evidence import EvidenceStore
from tests.store.samples import Clock


def name(number: int) -> str:
    return f"01J{number:023}"


async def test_a_picture_is_kept_and_replaced(tmp_path: Path, clock: Clock) -> None:
    evidence = EvidenceStore(tmp_path, clock=clock)
    assert await evidence.read(name(1)) is None
    path = await evidence.write(name(1), b"first")
    await evidence.write(name(1), b"second")
    assert await evidence.read(name(1)) == b"second"
    assert path == tmp_path / "evidence" / f"{name(1)}.jpg" == evidence.path(name(1))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_the_oldest_give_way_when_the_room_is_full(tmp_path: Path, clock: Clock) -> None:
    evidence = EvidenceStore(tmp_path, max_bytes=1000, clock=clock)
    for number in range(5):
        clock.now += 1
        await evidence.write(name(number), b"x" * 300)
    assert sorted(path.stem for path in (tmp_path / "evidence").iterdir()) == [name(2), name(3), name(4)]
    with pytest.raises(StoreError, match="larger than all evidence may be"):
        await evidence.write(name(9), b"x" * 1001)


async def test_old_pictures_go(tmp_path: Path, clock: Clock) -> None:
    evidence = EvidenceStore(tmp_path, max_age=100.0, clock=clock)
    await evidence.write(name(1), b"old")
    clock.now += 60
    await evidence.write(name(2), b"new")
    clock.now += 60
    assert await evidence.prune() == 1
    assert await evidence.read(name(2)) == b"new"


@pytest.mark.parametrize("identity", ["../../etc/passwd", "", "a/b", "01J0000000000000000000000i", name(1) + "\n"])
async def test_only_an_incidents_id_becomes_a_file_name(tmp_path: Path, identity: str) -> None:
    with pytest.raises(StoreError, match="not the id of an incident"):
        await EvidenceStore(tmp_path).write(identity, b"x")


async def test_a_disk_that_refuses_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be kept"):
        await EvidenceStore(tmp_path).write(name(1), b"x")
