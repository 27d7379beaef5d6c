"""The body, against its documentation and against the shape of a video moderation callback."""

import json
import re
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from streamwatch.delivery.payload import AlertSubject, build_alert, encode, model_objects
from streamwatch.delivery.signature import sign
from streamwatch.records.labels import LABELS
from tests.delivery.samples import SUBJECT, verdict
from tests.store.samples import incident

DOCUMENT = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()

MOMENT = datetime(2025, 11, 21, 9, 20, tzinfo=UTC).timestamp()

CALLBACK = {
    "media": {"id": "med_1", "uri": "yourfile.mp4"},
    "request": {"id": "req_1", "timestamp": 1717159864.348989, "operations": 21},
    "data": {
        "status": "ongoing",
        "frames": [
            {
                "info": {"id": "med_1_1", "position": 0},
                "self-harm": {"prob": 0.01, "type": {"real": 0.01, "fake": 0.01, "animated": 0.01}},
                "gore": {
                    "prob": 0.01,
                    "classes": {
                        "very_bloody": 0.01,
                        "slightly_bloody": 0.01,
                        "body_organ": 0.01,
                        "serious_injury": 0.01,
                        "superficial_injury": 0.01,
                        "corpse": 0.01,
                        "skull": 0.01,
                        "unconscious": 0.01,
                        "body_waste": 0.01,
                        "other": 0.01,
                    },
                    "type": {"animated": 0.01, "fake": 0.01, "real": 0.01},
                },
            }
        ],
    },
}
"""What receivers of the original service read."""


def example(name: str, language: str) -> str:
    found = re.search(rf"<!-- example: {name} -->\n```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found is not None
    return found.group(1)


def body(subject: AlertSubject = SUBJECT, **changes: Any) -> dict[str, Any]:
    alert = build_alert(subject, verdict(**changes), identity="01K0ZJ3V8Q4T7W2XG5N6M9R1AB", created=MOMENT + 0.5)
    decoded: dict[str, Any] = json.loads(encode(alert.body))
    return decoded


def shape(value: Any) -> Any:
    """Keys and types; numbers are one type, as in JSON."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def test_the_documented_example_is_what_is_sent() -> None:
    one = incident("01K0ZJ3V8P0C3D4E5F6G7H8J9K", opened_at=MOMENT - 2)
    values = dict.fromkeys(LABELS, 0.01) | {
        "gore.prob": 0.91,
        "gore.type.real": 0.88,
        "gore.classes.body_waste": 0.0,
    }
    sent = body(one=one, values=values, captured_at=MOMENT + 0.25)
    documented = json.loads(example("the body of an alert", "json"))
    assert sent == documented
    assert list(sent["alert"]) == list(documented["alert"])


def test_every_field_of_the_body_is_documented() -> None:
    sent = body()
    rows = set(re.findall(r"`((?:schema|media|request|data|alert)[\w.\[\]-]*)`", DOCUMENT))
    fields = {f"{top}.{name}" for top in ("media", "request", "data", "alert") for name in sent[top]} | {"schema"}
    assert fields <= rows


def test_the_body_has_the_shape_of_a_callback() -> None:
    sent = body()
    assert {key: shape(sent[key]) for key in CALLBACK} == shape(CALLBACK)
    assert set(sent) == {*CALLBACK, "schema", "alert"}
    assert sent["data"]["frames"][0]["info"] == {"id": "cam1-3-17", "position": 46000}


def test_unsupported_labels_are_zero_and_the_objects_whole() -> None:
    assert shape(model_objects({})) == shape(
        {key: value for key, value in CALLBACK["data"]["frames"][0].items() if key != "info"}  # type: ignore[index]
    )
    assert model_objects({"gore.type.fake": 0.123456})["gore"]["type"] == {"animated": 0.0, "fake": 0.1235, "real": 0.0}


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("https://user:pw@host.example:8443/live/a.m3u8?token=abc#x", "https://host.example:8443/live/a.m3u8"),
        ("rtmp://host.example/app/streamkey?sig=1", "rtmp://host.example/app/***"),
        ("rtsp://user:p@ss/w@host/cam", "rtsp://***"),
    ],
)
def test_the_uri_holds_no_credentials(url: str, uri: str) -> None:
    assert body(AlertSubject("cam1", uri=url))["media"] == {"id": "cam1", "uri": uri}
    assert body(AlertSubject("cam1", media="med_1"))["media"] == {"id": "med_1"}


@pytest.mark.parametrize(
    ("frame", "number", "named"),
    [
        ("job-abcdefghijkl-1-17", None, "med_1_17"),
        ("job-abcdefghijkl-3-17", None, "med_1_2000017"),
        ("job-abcdefghijkl-3-17", 23, "med_1_23"),
        ("odd", None, "med_1_1"),
        (None, None, "med_1_1"),
    ],
)
def test_frames_of_a_job_are_named_after_it(frame: str | None, number: int | None, named: str) -> None:
    subject = AlertSubject("job-abcdefghijkl", media="med_1", number=number, position=None if number is None else 9000)
    sent = body(subject, frame=frame)
    assert sent["media"] == {"id": "med_1"}
    assert sent["data"]["frames"][0]["info"] == {"id": named, "position": 46000 if number is None else 9000}
    assert sent["alert"]["stream"] == "job-abcdefghijkl"


def test_a_verdict_without_a_frame_has_none() -> None:
    sent = body(event="updated", reason="sight_lost", frame=None, values={})
    assert sent["data"] == {"status": "ongoing", "frames": []}
    assert sent["request"]["operations"] == 0


@pytest.mark.parametrize(
    ("reason", "status"),
    [("ended", "finished"), ("removed", "stopped"), ("suspended", "stopped"), ("over", "ongoing")],
)
def test_the_status_tells_whether_the_stream_goes_on(reason: str, status: str) -> None:
    one = incident(closed_at=MOMENT, close_reason=reason)
    sent = body(one=one, event="closed", reason=reason)
    assert sent["data"]["status"] == status
    assert sent["alert"]["closed_at"] == "2025-11-21T09:20:00.000Z"


def test_no_context_can_stop_an_alert() -> None:
    odd = {"day": date(2025, 1, 2), "nan": float("nan"), "deep": [{"x": (1, float("inf"))}], "text": "\ud800 ü", "n": 1}
    sent = body(AlertSubject("cam1", context=odd))["alert"]["context"]
    assert sent == {"day": "2025-01-02", "nan": "nan", "deep": [{"x": [1, "inf"]}], "text": "? ü", "n": 1}


def test_the_documented_check_accepts_our_signature_and_nothing_else() -> None:
    scope: dict[str, Any] = {}
    exec(example("checking the signature", "python"), scope)
    genuine = scope["is_genuine"]
    header = sign(b"{}", ["new", "old"], time.time())
    assert genuine(header, b"{}", "old")
    assert genuine(header, b"{}", "new")
    assert not genuine(header, b"{} ", "old")
    assert not genuine(header, b"{}", "other")
    assert not genuine(sign(b"{}", ["old"], time.time() - 301), b"{}", "old")


@pytest.mark.parametrize("reason", ["ended", "removed", "suspended", "over"])
def test_no_alert_tells_a_client_that_its_job_ended(reason: str) -> None:
    subject = AlertSubject("job-abcdefghijkl", media="med_1", request="req_1", models=("gore-2.0",))
    one = verdict(incident(closed_at=MOMENT, close_reason=reason), event="closed", reason=reason)
    sent = build_alert(subject, one, identity="01K", created=MOMENT, callback=True).body
    assert sent["data"]["status"] == "ongoing"
    assert sent["request"] == "req_1"
    assert set(sent["data"]["frames"][0]) == {"info", "gore"}
    told = build_alert(subject, one, identity="01K", created=MOMENT).body
    assert set(told["data"]["frames"][0]) == {"info", "gore", "self-harm"}, "webhooks are the operator's"
