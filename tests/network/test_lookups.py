"""Look-ups on threads of their own: slow names hold up one another, and nothing else."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from streamwatch.network.lookups import Lookups


async def test_a_name_and_an_address_are_looked_up() -> None:
    lookups = Lookups(1)
    (one,) = await lookups.resolve("127.0.0.1", 8480)
    assert (one["host"], one["port"], one["family"]) == ("127.0.0.1", 8480, socket.AF_INET)
    assert {one["host"] for one in await lookups.resolve("localhost", 1, socket.AF_UNSPEC)} <= {"127.0.0.1", "::1"}
    with pytest.raises(UnicodeError):
        await lookups.resolve("x" * 70 + ".example", 80)
    await lookups.close()


async def test_slow_names_hold_up_nothing_but_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    release, asked = threading.Event(), list[str]()

    def answer(host: str, *_: Any, **__: Any) -> Any:
        asked.append(host)
        release.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    lookups = Lookups(2)
    slow = [asyncio.ensure_future(lookups.resolve(f"slow{number}")) for number in range(40)]
    async with asyncio.timeout(2):
        assert await asyncio.to_thread(lambda: "free") == "free"
    assert asked == ["slow0", "slow1"]
    for one in slow[2:]:
        one.cancel()
    await asyncio.sleep(0.05)
    release.set()
    assert await asyncio.gather(*slow[:2]) == [[], []]
    assert len(asked) == 2, "nobody waits for the others any more"
    await lookups.close()
