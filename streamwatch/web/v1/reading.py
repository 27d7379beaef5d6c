"""Reads bodies and query strings; each refusal names the field and how to mend it."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from streamwatch.errors import RequestError
from streamwatch.settings.faults import unknown_key

M = TypeVar("M", bound=BaseModel)

LIMIT: Final = 64 * 1024
"""Bytes of a body."""
_PATIENCE: Final = 20.0
_MOST_FAULTS: Final = 10
_BIG: Final = 2**53

_TYPES: Final = {
    "string_type": ("is not a text", "Write a text in quotes."),
    "int_type": ("is not a whole number", "Write a whole number."),
    "int_parsing": ("is not a whole number", "Write a whole number."),
    "int_from_float": ("is not a whole number", "Write a whole number."),
    "int_parsing_size": ("is not a number of our kind", "Write a smaller number."),
    "bool_type": ("is neither true nor false", "Write true or false, without quotes."),
    "dict_type": ("is not an object", "Write an object: {...}."),
    "model_type": ("is not an object", "Write an object: {...}."),
    "missing": ("is missing", "Add it."),
}
_LIMITS: Final = {
    "literal_error": ("is none of the choices", "Choose one of {expected}."),
    "greater_than_equal": ("is too small", "Write {ge} or more."),
    "less_than_equal": ("is too large", "Write {le} or less."),
    "string_too_short": ("is empty", "Write something, or leave it out."),
    "string_too_long": ("is too long", "Use at most {max_length} characters."),
    "too_long": ("has too many entries", "Use at most {max_length}."),
}
_PATTERNS: Final = {
    "user_agent": ("holds other characters than printable ASCII", "Use at most 200 of those."),
}
_ID: Final = (
    "is not an id",
    "Use lower-case letters, digits, - and _, at most 63, beginning with a letter or digit.",
)


async def read_body(request: web.Request, model: type[M]) -> M:
    """The JSON body as ``model``. Raises RequestError."""
    raw = await _raw(request)
    if not raw and not any(field.is_required() for field in model.model_fields.values()):
        return model()
    if request.content_type != "application/json":
        raise RequestError("request_error", "the body is not JSON. Send Content-Type: application/json", status=415)
    value = _json(raw)
    if not isinstance(value, dict):
        raise RequestError("request_error", "the body is not a JSON object. Write {...}")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        _refuse(error, model)


def read_query(request: web.Request, model: type[M]) -> M:
    """The query string as ``model``. Raises RequestError."""
    for key in request.query:
        if len(request.query.getall(key)) > 1:
            raise RequestError("argument_error", f"{key[:80]}: is given twice. Give it once")
    try:
        return model.model_validate_strings(dict(request.query))
    except ValidationError as error:
        _refuse(error, model)


async def _raw(request: web.Request) -> bytes:
    raw = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE):
            async for chunk in request.content.iter_any():
                raw += chunk
                if len(raw) > LIMIT:
                    raise RequestError("request_error", "the body is larger than 64 KiB", status=413)
    except TimeoutError:
        raise RequestError("request_error", f"the body did not come within {_PATIENCE:g} s", status=408) from None
    return bytes(raw)


def _json(raw: bytes) -> Any:
    try:
        value = json.loads(raw.decode(), parse_constant=_no_number, parse_int=_integer, parse_float=_float)
        json.dumps(value, ensure_ascii=False).encode()  # lone surrogates fit into no database
    except (ValueError, RecursionError):
        raise RequestError("request_error", "the body is not JSON that can be read. Send UTF-8 JSON") from None
    return value


def _integer(digits: str) -> int:
    value = int(digits)
    if abs(value) > _BIG:
        raise ValueError("beyond what JSON numbers hold exactly")
    return value


def _float(digits: str) -> float:
    value = float(digits)
    if not abs(value) < float("inf"):
        raise ValueError("infinite")
    return value


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _refuse(error: ValidationError, model: type[BaseModel]) -> NoReturn:
    found = error.errors(include_url=False, include_input=False)
    said = [f"{_dotted(detail['loc'])}: {_words(detail, model)}" for detail in found[:_MOST_FAULTS]]
    raise RequestError("argument_error", " ".join(said))


def _words(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "streamwatch":
        problem, mend = str(context["problem"]), str(context["mend"])
    elif kind == "extra_forbidden":
        problem, mend = unknown_key(str(detail["loc"][-1]), list(model.model_fields))
    elif kind == "string_pattern_mismatch":
        problem, mend = _PATTERNS.get(str(detail["loc"][0]), _ID)
    else:
        problem, mend = _TYPES.get(kind) or _limits(kind, context)
    return f"{problem}. {mend}"


def _limits(kind: str, context: Mapping[str, Any]) -> tuple[str, str]:
    problem, mend = _LIMITS.get(kind, ("cannot be used", "See openapi.json for what it takes."))
    return problem, mend.format_map(context)


def _dotted(place: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in place if part != "[key]")[:200] or "body"
