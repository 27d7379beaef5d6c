"""The demo's receiver believes only what is signed with its secret."""

import json
import time

import aiohttp

from streamwatch.delivery.signature import sign
from streamwatch.demo.receiver import Receiver

BODY = json.dumps({"alert": {"event": "opened", "stream": "cam"}}).encode()


async def post(receiver: Receiver, header: str) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.post(receiver.url, data=BODY, headers={"Streamwatch-Signature": header}) as response,
    ):
        return response.status


async def test_a_signed_alert_counts_as_verified() -> None:
    async with Receiver("right") as receiver:
        assert await post(receiver, sign(BODY, ["right"], int(time.time()))) == 204
        assert (receiver.delivered, receiver.verified) == (1, 1)
        assert receiver.alerts[0].alert["stream"] == "cam"


async def test_a_foreign_signature_is_refused_and_counted_as_unverified() -> None:
    async with Receiver("right") as receiver:
        assert await post(receiver, sign(BODY, ["wrong"], int(time.time()))) == 401
        assert await post(receiver, "") == 401
        assert (receiver.delivered, receiver.verified) == (2, 0)
        assert not receiver.alerts
