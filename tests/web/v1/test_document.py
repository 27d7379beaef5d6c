"""The document says what the API does: what it allows and what it forbids is thrown at the running API."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from streamwatch.web.v1.document import build_document
from streamwatch.web.v1.operations import OPERATIONS, PREFIX
from tests.app.desk_room import PUBLIC
from tests.peers import CHECKOUT
from tests.web.v1.front import SECRET, Front, front

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
KNOWN: Final = ["lobby", "gate"]


def _operations() -> list[APIOperation[Any, Any, Any, Any]]:
    document = build_document("test")
    # Credentials are always sent: leaving them out has a test of its own.
    for one in (document, *(operation for methods in document["paths"].values() for operation in methods.values())):
        one.pop("security")
    schema = schemathesis.openapi.from_dict(document)
    found = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    assert len(found) == len(OPERATIONS)
    return found


def _throw(api: Front, incident: str, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode) -> set[int]:
    """Send examples of one operation; the statuses that came. Raises what a check has to say."""
    came: set[int] = set()
    base = api.base.removesuffix(PREFIX)

    @settings(max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans(), stream=st.sampled_from(KNOWN))
    def throw(case: Case[Any], known: bool, stream: str) -> None:
        # What is there by chance never has a name that is drawn by chance.
        if known and mode is GenerationMode.POSITIVE:
            for name, value in (("stream", stream), ("incident", incident)):
                if name in (case.path_parameters or {}):
                    case.path_parameters[name] = value
            if isinstance(case.body, dict) and "url" in case.body:
                case.body["url"] = PUBLIC
            if isinstance(case.body, dict) and "until" in case.body:
                case.body["until"] = "2100-01-01T00:00:00Z"
        answer = case.call(base_url=base, headers={"Authorization": f"Bearer boss.{SECRET}"})
        came.add(answer.status_code)
        # Whether a body that is too large says anything wrong besides, nobody looks.
        too_large = answer.status_code == 413
        case.validate_response(
            answer, checks=[one for one in CHECKS if not (too_large and one is negative_data_rejection)]
        )

    throw()
    return came


def _cases() -> Iterator[Any]:
    """Each operation with what it allows and, where anything can be wrong with it, with what it forbids."""
    for operation in _operations():
        written = operation.definition.raw
        yield pytest.param(operation, GenerationMode.POSITIVE, id=f"{written['operationId']}-allowed")
        if written["parameters"] or "requestBody" in written:
            yield pytest.param(operation, GenerationMode.NEGATIVE, id=f"{written['operationId']}-forbidden")


@pytest.mark.parametrize(("operation", "mode"), list(_cases()))
async def test_what_is_thrown_at_it(
    tmp_path: Path, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode
) -> None:
    async with front(tmp_path) as api:
        await api.ask("POST", "/streams", json={"id": "gate", "url": PUBLIC})
        incident = api.room.open_incident("gate")
        await api.room.recorded()
        await api.room.pictures.write(incident, b"\xff\xd8\xff\xe0 a picture")
        came = await asyncio.to_thread(_throw, api, incident, operation, mode)
        assert api.room.log.events("http.unexpected") == []
        if mode is GenerationMode.POSITIVE and operation.method == "get":
            assert 200 in came, "something was really answered"


async def test_the_document_is_served_to_everybody_and_is_openapi(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        document = await api.get("/openapi.json", by=None)
    assert document["openapi"] == "3.1.0"
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    assert {(path, method) for path, methods in document["paths"].items() for method in methods} == {
        (PREFIX + one.path, one.method.lower()) for one in OPERATIONS
    }


async def test_nobody_comes_in_without_credentials_and_each_operation_asks_for_its_scope(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        for one in OPERATIONS:
            path = one.path.format(stream="lobby", incident="01J00000000000000000000001", label="gore.prob")
            for headers in ({}, {"Authorization": "Bearer boss.wrong"}, {"Authorization": "Basic Ym9zczp4"}):
                refused = await api.ask(one.method, path, by=None, headers=headers)
                assert refused.status == 401, (one.name, headers)
                assert "WWW-Authenticate" in refused.headers
            if one.scope is not None:
                assert (await api.ask(one.method, path, by="looker")).status == 403, one.name
                assert api.room.log.events("http.unexpected") == []


async def test_bodies_are_bounded_and_must_be_json(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        as_json = {"Content-Type": "application/json"}
        for raw, headers, status in (
            (b"{" + b" " * 70_000 + b"}", as_json, 413),
            (b"{", as_json, 400),
            (b"[]", as_json, 400),
            (b'"\\ud800"', as_json, 400),
            (b'{"id": "\\ud800"}', as_json, 400),
            (b"\xff", as_json, 400),
            (b"[" * 30_000, as_json, 400),
            (b'{"interval": NaN}', as_json, 400),
            (b'{"interval": 1e999}', as_json, 400),
            (b'{"interval": ' + b"9" * 5000 + b"}", as_json, 400),
            (b"", as_json, 400),
            (b"id=x", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ):
            answer = await api.ask("POST", "/streams", data=raw, headers=headers)
            assert (answer.status, answer.body["error"]["type"]) == (status, "request_error"), raw[:40]
        assert api.room.log.events("http.unexpected") == []
        assert (await api.ask("GET", "/streams?limit=1&limit=2")).status == 400


async def test_what_is_not_there_and_other_methods_are_answered_in_the_same_form(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        for method, path, status in (("GET", "/nothing", 404), ("PUT", "/streams", 405), ("GET", "/streams/", 404)):
            answer = await api.ask(method, path)
            assert (answer.status, set(answer.body)) == (status, {"error"})


def test_the_page_lists_every_operation_with_its_scope() -> None:
    page = (CHECKOUT / "docs" / "api.md").read_text()
    listed = re.findall(r"^\| `(\w+) (/\S*)` \| `?(\w+)`? \| (.+) \|$", page, re.MULTILINE)
    assert listed == [(one.method, one.path, one.scope or "any", one.summary) for one in OPERATIONS]
