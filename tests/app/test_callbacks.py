"""Callbacks of jobs: signed and dialled by the settings of the moment, and told of what their job asked for."""

import time
from pathlib import Path
from typing import Any

from streamwatch.app.assembly import view_weights
from streamwatch.app.callbacks import JobCallbacks
from streamwatch.app.front_door import job_thresholds
from streamwatch.delivery.payload import AlertSubject
from streamwatch.delivery.signature import verify
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.records.job import Job
from streamwatch.settings.credentials import SecretPlaces
from streamwatch.settings.load import parse_settings
from streamwatch.settings.schema import Settings
from tests.delivery.samples import bench, verdict
from tests.peers import Peers
from tests.store.samples import incident

JOB = "med_gmgHcUOwe41rWmqwPhVNU"


def settings(text: str, folder: Path) -> Settings:
    return parse_settings(text, "streamwatch.toml", SecretPlaces({}, folder), strict=False).settings


def client(secret: str) -> str:
    return f"""
[network]
allow = ["127.0.0.0/8"]
[[api.clients]]
user = "acme"
secret = "a-secret-of-acme"
callback_secret = "{secret}"
"""


def job(url: str, **changes: Any) -> Job:
    values: dict[str, Any] = {
        "id": JOB, "request": "req_1", "client": "acme", "kind": "stream", "uri": "a", "source": "rtmp://a/b",
        "models": ("gore",), "interval": 2.0, "max_duration": 60.0, "callback_url": url, "created": 1.0,
        "stream": "job-abcdefghijkl",
    }  # fmt: skip
    return Job(**{**values, **changes})


async def test_a_reload_reaches_the_callbacks_that_are_open(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    now = settings(client("old"), tmp_path)
    async with bench(tmp_path / "store") as work:
        callbacks = JobCallbacks(work.desk, lambda: now, tuple, work.log.logger)
        callbacks.open(job(receiver.url))
        await callbacks.owe(job(receiver.url), "one", {"n": 1})
        await receiver.wait_for(1)
        now = settings(client("new"), tmp_path)
        callbacks.follow()
        await callbacks.owe(job(receiver.url), "two", {"n": 2})
        old, new = await receiver.wait_for(2)
        assert verify(old.headers["Sightengine-Signature"], old.body, ["old"], time.time())
        assert verify(new.headers["Sightengine-Signature"], new.body, ["new"], time.time())
        now = settings("", tmp_path)  # neither the client nor the network is allowed any more
        callbacks.follow()
        await callbacks.owe(job(receiver.url), "three", {"n": 3})
        await work.nothing_owed()
        assert work.meter.deliveries[-1] == ("callback", "dead")
        assert len(receiver.requests) == 2


async def test_a_client_hears_of_the_models_that_it_asked_for(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    now = settings(client("secret"), tmp_path)
    async with bench(tmp_path / "store") as work:
        callbacks = JobCallbacks(work.desk, lambda: now, tuple, work.log.logger)
        callbacks.open(job(receiver.url))
        subject = AlertSubject("job-abcdefghijkl", media=JOB)
        label = "self-harm.prob"
        other = incident("01K0ZJ3V8P0C3D4E5F6G7H8J9L", model="self-harm", label=label, labels=(label,))
        await work.desk.record(subject, [verdict(other)])
        await work.desk.record(subject, [verdict()])
        [told] = await receiver.wait_for(1)
        await work.nothing_owed()
        assert b'"model":"gore-2.0"' in told.body
        assert len(receiver.requests) == 1


def test_thresholds_of_the_configuration_lie_over_those_of_the_weights(tmp_path: Path) -> None:
    weights = view_weights(read_manifest(find_weights("starter")))
    assert job_thresholds(Settings(), weights) == dict(weights.defaults)
    text = '[thresholds]\n"gore.prob" = false\n"gore.classes.skull" = 0.31\n'
    others = {label: enter for label, enter in weights.defaults.items() if label != "gore.prob"}
    assert job_thresholds(settings(text, tmp_path), weights) == {**others, "gore.classes.skull": 0.31}
