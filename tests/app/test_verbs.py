"""The operator's verbs: what they print and the status they end with."""

import json
from pathlib import Path

import pytest

from streamwatch.app.sink_test import send_test_alert
from streamwatch.cli.main import main
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.records.labels import LABELS
from tests.end_to_end.subscriber import Subscriber
from tests.peers import CHECKOUT, Peers


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "streamwatch.toml"
    path.write_text(
        f'[store]\npath = "{tmp_path}/store"\n[thresholds]\ngore.prob = 0.95\n'
        '[[streams]]\nid = "lobby"\nurl = "http://user:pw@example.org/a.m3u8?token=t0k"\ninterval = "4s"\n'
    )
    return path


def test_good_configuration_is_in_order(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "--config", str(config)]) == 0
    assert "in order, 1 stream" in capsys.readouterr().out


def test_reference_configuration_is_in_order() -> None:
    assert main(["config", "check", "--config", str(CHECKOUT / "config" / "streamwatch.toml")]) == 0


def test_all_faults_are_said_at_once_those_against_the_weights_too(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(
        config.read_text()
        + '[[streams]]\nid = "Bad Id"\nurl = "ftp://x/y"\n'
        + '[[streams]]\nid = "hall"\nurl = "http://127.0.0.1/a.m3u8"\nthresholds = { "self-harm.type.real" = 0.5 }\n'
    )
    assert main(["config", "check", "--config", str(config)]) == 2
    said = capsys.readouterr().err
    assert "streams[1].id" in said
    assert "streams[1].url" in said
    assert "self-harm.type.real" in said
    assert "starter" in said


def test_explanation_names_value_and_source_and_hides_credentials(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "check", "--config", str(config), "--explain", "lobby", "--json"]) == 0
    out = capsys.readouterr().out
    effective = json.loads(out)["effective"]
    assert effective["interval"] == {"value": 4.0, "from": "streams.lobby.interval"}
    assert effective["sampling"]["from"] == "default"
    assert effective['thresholds."gore.prob".enter']["value"] == 0.95
    assert effective['thresholds."gore.prob".exit'] == {"value": 0.76, "from": "default (0.8 x enter)"}
    assert "pw" not in out
    assert "t0k" not in out


def test_explanation_of_an_unknown_stream_names_the_known_ones(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "check", "--config", str(config), "--explain", "loby"]) == 2
    assert "lobby" in capsys.readouterr().err


def test_weights_list_names_every_label_with_its_coverage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list", "--json"]) == 0
    (starter,) = json.loads(capsys.readouterr().out)["weights"]
    assert starter["name"] == "starter"
    assert set(starter["labels"]) == set(LABELS)
    assert {one["coverage"] for one in starter["labels"].values()} <= {"measured", "proxy", "unsupported"}
    assert starter["labels"]["self-harm.type.real"]["coverage"] == "unsupported"


def test_status_of_a_daemon_that_does_not_run(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--config", str(config), "--url", "http://127.0.0.1:1"]) == 1
    assert "does not answer" in capsys.readouterr().err


async def test_test_alert_reports_each_sinks_own_answer(
    peers: Peers, tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad, broker = await peers.receiver(), await peers.receiver(), await peers.mosquitto()
    bad.status = 500
    config.write_text(
        f"""
[[webhooks]]
name = "good"
url = "{good.url}"
secret = "s"
[[webhooks]]
name = "bad"
url = "{bad.url}"
[mqtt]
host = "127.0.0.1"
port = {broker.port}
username = "{broker.username}"
password = "{broker.password}"
"""
    )
    assert await send_test_alert(config, {}, sink=None, as_json=True) == 1
    answers = {one["sink"]: one["ok"] for one in json.loads(capsys.readouterr().out)["sinks"]}
    assert answers.pop("webhook:good")
    assert not answers.pop("webhook:bad")
    assert list(answers.values()) == [True]
    assert json.loads(good.requests[0].body)["alert"]["test"] is True
    assert "Streamwatch-Signature" in good.requests[0].headers


async def test_test_alert_says_nothing_about_the_daemon_being_online(peers: Peers, config: Path) -> None:
    broker = await peers.mosquitto()
    subscriber = Subscriber(broker)
    await subscriber.start()
    config.write_text(
        f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\nusername = "{broker.username}"\n'
        f'password = "{broker.password}"\n'
    )
    assert await send_test_alert(config, {}, sink=None, as_json=True) == 0
    await subscriber.heard(1)
    await subscriber.stop()
    assert [topic for topic, _ in subscriber.messages] == ["streamwatch/streams/test/alert"]


@pytest.mark.parametrize(
    ("command", "status", "word"),
    [
        (["status", "--config", "/nowhere/streamwatch.toml"], 2, "cannot be read"),
        (["probe", "http://127.0.0.1:1/a.m3u8", "--weights", "nope"], 1, "no weights are named"),
        (["run", "--config", "/nowhere/streamwatch.toml"], 2, "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(
    command: list[str], status: int, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == status
    said = capsys.readouterr().err
    assert word in said
    assert "Traceback" not in said


def test_an_exit_above_the_weights_own_enter_is_refused(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proposed = read_manifest(find_weights("starter")).labels["gore.prob"].enter
    config.write_text('[thresholds]\n"gore.prob" = { exit = 0.99 }\n')
    assert main(["config", "check", "--config", str(config)]) == 2
    assert f"above the enter ({proposed}) that the weights propose" in capsys.readouterr().err
