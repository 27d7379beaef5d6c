"""A question and a picture as a chat completion, and a chat completion as yes or no; pure."""

import base64
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from streamwatch.errors import OpinionError
from streamwatch.records.opinion import AnswerWord
from streamwatch.records.questions import Question

_TOKENS: Final = 8
"""Enough for a word and its markup; a model that explains itself is cut off after the word that counts."""
_ALTERNATIVES: Final = 10
_ENOUGH: Final = 0.5
"""What "yes" and "no" must weigh together, among the first word's alternatives, to be compared."""
_FIRST_WORD: Final = re.compile(r"[^A-Za-z]*([A-Za-z]+)")
_NO_LETTER: Final = re.compile(r"[^a-z]")
_KINDS: Final = ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"RIFF", "webp"), (b"GIF8", "gif"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question about one picture was answered."""

    word: AnswerWord
    probability: float | None
    """Of "yes"; None when the endpoint gives none."""


def data_url(picture: bytes) -> str:
    """The picture as a ``data:`` URL. Raises OpinionError for bytes that are no JPEG, PNG, WebP or GIF."""
    for magic, kind in _KINDS:
        if picture.startswith(magic):
            return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
    raise OpinionError("the file is no JPEG, PNG, WebP or GIF picture.")


def prompt(question: Question, instruction: str) -> str:
    """The question in words."""
    parts = [instruction.strip(), f"Question: {question.text}"]
    for heading, conditions in (
        ("All of this must be visible:", question.every),
        ("At least one of these must be visible:", question.some),
        ("The answer is no when the picture shows only this:", question.never),
    ):
        if conditions:
            parts.append("\n".join([heading, *(f"- {one}" for one in conditions)]))
    parts.append("Answer with one word, yes or no.")
    return "\n\n".join(parts)


def request(model: str, text: str, picture_url: str, extra: Mapping[str, Any], *, probabilities: bool) -> bytes:
    """The body of the POST. The picture stands first, so that servers which reuse a prompt's begin encode it once."""
    content = [{"type": "image_url", "image_url": {"url": picture_url}}, {"type": "text", "text": text}]
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": content}],  # some models' templates know no system role
        "temperature": 0,
        "max_tokens": _TOKENS,
        "stream": False,
    }
    if probabilities:
        body |= {"logprobs": True, "top_logprobs": _ALTERNATIVES}
    return json.dumps(body | dict(extra)).encode()


def read_answer(body: bytes, certainty: float) -> Answer:
    """Yes, no or unclear: by the probabilities of the first word where they are given, else by that word.

    Raises OpinionError when the body is no chat completion.
    """
    try:
        choice = json.loads(body)["choices"][0]
        content = _text(choice["message"].get("content"))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise OpinionError("the answer is not a chat completion.") from None
    probability = _probability(choice)
    if probability is None:
        return Answer(_first_word(content), None)
    if probability >= certainty:
        return Answer("yes", probability)
    return Answer("no" if probability <= 1.0 - certainty else "unclear", probability)


def _text(content: object) -> str:
    if isinstance(content, list):
        return "".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))
    return content if isinstance(content, str) else ""


def _first_word(content: str) -> AnswerWord:
    found = _FIRST_WORD.match(content)
    word = found[1].lower() if found else ""
    return "yes" if word == "yes" else "no" if word == "no" else "unclear"


def _probability(choice: Mapping[str, Any]) -> float | None:
    """P(yes) against P(no) at the first token that holds letters; None when that token is about something else."""
    for position in _tokens(choice):
        if not _letters(position.get("token")):
            continue
        weights = {"yes": 0.0, "no": 0.0}
        for word, weight in _weights(position):
            if word in weights:
                weights[word] += weight
        total = weights["yes"] + weights["no"]
        return weights["yes"] / total if total >= _ENOUGH else None
    return None


def _tokens(choice: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    given = choice.get("logprobs")
    content = given.get("content") if isinstance(given, dict) else None
    return [one for one in content if isinstance(one, dict)] if isinstance(content, list) else []


def _weights(position: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    alternatives = position.get("top_logprobs")
    for one in alternatives if isinstance(alternatives, list) and alternatives else [position]:
        value = one.get("logprob") if isinstance(one, dict) else None
        if isinstance(value, int | float) and not math.isnan(value):
            yield _letters(one.get("token")), math.exp(min(0.0, value))


def _letters(token: object) -> str:
    """A token without the marks that tokenisers and chat models put around words."""
    return _NO_LETTER.sub("", token.lower()) if isinstance(token, str) else ""
