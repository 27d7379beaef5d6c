"""The OpenAPI 3.1 document, made from the operations and the models that validate them."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from streamwatch.records.labels import LABELS
from streamwatch.settings.quantities import STREAM_ID
from streamwatch.web.v1.answers import ErrorAnswer
from streamwatch.web.v1.operations import OPERATIONS, PREFIX, Operation
from streamwatch.web.v1.words import INCIDENT_ID, Strict, Told

_REF: Final = "#/components/schemas/{model}"
_PATH_SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    "stream": {"type": "string", "pattern": STREAM_ID.pattern},
    "incident": {"type": "string", "pattern": f"^{INCIDENT_ID}$"},
    "label": {"type": "string", "enum": list(LABELS)},
}
_REFUSALS: Final = {
    400: "Something in the request is missing or wrong; the message names it",
    401: "No credentials, or wrong ones",
    403: "The client's scopes do not allow it",
    404: "There is none, or it is another client's",
    408: "The body did not come in time",
    409: "How things are forbids it; the message says what",
    413: "The body is larger than 64 KiB",
    415: "The body is not JSON",
    429: "Too many requests, or too many streams",
    500: "A fault of this side",
    503: "It cannot be written down or read at the moment",
}
_DESCRIPTION: Final = """\
Streams, incidents, snoozes, coverage and weights of one streamwatch daemon.

Send `Authorization: Bearer USER.SECRET`. Any client may ask; without the scope `moderate` or `admin` it sees its own
streams and their incidents only. Times are ISO 8601; answers are in UTC. A label that the weights cannot see says
`NOT DETECTED` wherever a score or a status would be: that is never "nothing found".
"""


def build_document(version: str) -> dict[str, Any]:
    """The document as a JSON object; ``version`` is that of streamwatch."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "streamwatch", "version": version, "description": _DESCRIPTION},
        "paths": paths,
        "security": [{"bearer": []}],
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "USER.SECRET"}},
            "schemas": _schemas(),
        },
    }


def _schemas() -> dict[str, Any]:
    bodies = {operation.body for operation in OPERATIONS if operation.body is not None}
    answers = {one.answer for one in OPERATIONS if isinstance(one.answer, type)} | {ErrorAnswer}
    wanted: list[tuple[type[Strict | Told], Any]] = [
        *((model, "validation") for model in sorted(bodies, key=lambda model: model.__name__)),
        *((model, "serialization") for model in sorted(answers, key=lambda model: model.__name__)),
    ]
    _, schema = models_json_schema(wanted, ref_template=_REF)
    found: dict[str, Any] = schema["$defs"]
    return found


def _operation(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": _who(operation),
        "security": [{"bearer": [operation.scope] if operation.scope else []}],
        "parameters": [*(_in_path(name) for name in operation.parameters), *_in_query(operation.query)],
        "responses": _responses(operation),
    }
    if operation.body is not None:
        required = any(field.is_required() for field in operation.body.model_fields.values())
        made["requestBody"] = {"required": required, "content": _json(operation.body)}
    return made


def _who(operation: Operation) -> str:
    if operation.scope is None:
        return "For any client."
    more = "; without `admin`, on the client's own streams only" if operation.scope == "submit" else ""
    return f"Needs the scope `{operation.scope}` or `admin`{more}."


def _responses(operation: Operation) -> dict[str, Any]:
    refusals = {400, 401, 403, 429, 500, 503}
    refusals |= {404} if operation.parameters else set()
    refusals |= {409} if operation.conflict else set()
    refusals |= {408, 413, 415} if operation.body is not None else set()
    granted: dict[str, Any] = {"description": "Granted"}
    if operation.answer == "image/jpeg":
        granted["content"] = {"image/jpeg": {"schema": {"type": "string", "contentMediaType": "image/jpeg"}}}
    elif operation.answer is not None:
        granted["content"] = _json(operation.answer)
    refused = {
        str(status): {"description": _REFUSALS[status], "content": _json(ErrorAnswer)} for status in sorted(refusals)
    }
    return {str(operation.status): granted, **refused}


def _json(model: type[Strict] | type[Told]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(model=model.__name__)}}}


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": dict(_PATH_SCHEMAS[name])}


def _in_query(model: type[Strict]) -> list[dict[str, Any]]:
    schema = model.model_json_schema()
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": written.get("description", ""),
            "schema": _without_null(written),
        }
        for name, written in schema.get("properties", {}).items()
    ]


def _without_null(written: Mapping[str, Any]) -> dict[str, Any]:
    """A query parameter that is left out is not there: it is never null."""
    choices = [choice for choice in written.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        return dict(choices[0])
    return {key: value for key, value in written.items() if key not in {"title", "description"}}
