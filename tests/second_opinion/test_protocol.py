"""Answers in all their shapes become yes, no or unclear; findings over labels and pictures."""

import json
from typing import Any

import pytest

from streamwatch.errors import OpinionError
from streamwatch.records.questions import Question
from streamwatch.second_opinion.findings import weigh
from streamwatch.second_opinion.protocol import Answer, data_url, prompt, read_answer, request
from tests.second_opinion.vlm import QUESTIONS, completion, jpeg, position


def read(content: object, logprobs: object = None, certainty: float = 0.6) -> Answer:
    return read_answer(json.dumps(completion(content, logprobs)).encode(), certainty)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("yes", "yes"),
        ("No.", "no"),
        (" **Yes**, there is", "yes"),
        ("\n'no'", "no"),
        ([{"type": "text", "text": "Yes"}], "yes"),
        ("Not sure", "unclear"),
        ("yesterday", "unclear"),
        ("I think yes", "unclear"),
        ("<think>yes</think>", "unclear"),
        ("", "unclear"),
        (None, "unclear"),
        ("42", "unclear"),
    ],
)
def test_the_first_word_counts(content: object, word: str) -> None:
    assert read(content) == Answer(word, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tokens", "word", "probability"),
    [
        ([position("Yes", Yes=0.9, No=0.1)], "yes", 0.9),
        ([position("Yes", Yes=0.5, No=0.4, Maybe=0.1)], "unclear", 0.5556),
        ([position("yes", **{"yes": 0.2, " Yes": 0.2, "▁no": 0.6})], "no", 0.4),
        ([position("\n", **{"\n": 0.9, "yes": 0.1}), position("No", Yes=0.05, No=0.95)], "no", 0.05),
        ([position("**", **{"**": 1.0}), position("Yes", YES=0.8, No=0.1)], "yes", 0.8889),
    ],
)
def test_probabilities_go_before_words(tokens: list[dict[str, Any]], word: str, probability: float) -> None:
    answer = read("yes" if word != "yes" else "no", {"content": tokens})
    assert answer.word == word
    assert answer.probability == pytest.approx(probability, abs=1e-3)


@pytest.mark.parametrize(
    "logprobs",
    [
        {"content": [position("The", The=0.9, Yes=0.05)]},
        {"content": []},
        {"content": None},
        {"content": [{"token": "Yes"}]},
        {"content": [{"token": "Yes", "top_logprobs": [{"token": "Yes", "logprob": None}, "odd"]}]},
        {"tokens": ["yes"], "token_logprobs": [-0.1]},
        [1, 2],
    ],
)
def test_probabilities_that_say_nothing_leave_it_to_the_word(logprobs: object) -> None:
    assert read("No, none.", logprobs) == Answer("no", None)


def test_how_sure_is_sure_is_up_to_the_operator() -> None:
    given = {"content": [position("Yes", Yes=0.8, No=0.2)]}
    assert read("yes", given, 0.79).word == "yes"
    assert read("yes", given, 0.9).word == "unclear"


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"choices": []}', b'{"choices": [{"message": 1}]}', b"\xff", b"[" * 50_000]
)
def test_what_is_no_completion_is_an_error(body: bytes) -> None:
    with pytest.raises(OpinionError):
        read_answer(body, 0.6)


def test_the_request_has_the_picture_before_the_words() -> None:
    question = QUESTIONS.questions[0]
    text = prompt(question, QUESTIONS.instruction)
    body = json.loads(request("m", text, data_url(jpeg()), {"seed": 7}, probabilities=True))
    picture, words = body["messages"][0]["content"]
    assert picture["image_url"]["url"].startswith("data:image/jpeg;base64,/9j/")
    assert words["text"] == (
        "Judge only what is there.\n\nQuestion: Is there blood?\n\nAll of this must be visible:\n- A red liquid.\n\n"
        "The answer is no when the picture shows only this:\n- Red paint.\n\nAnswer with one word, yes or no."
    )
    assert (body["temperature"], body["max_tokens"], body["logprobs"], body["seed"]) == (0, 8, True, 7)
    assert "logprobs" not in json.loads(request("m", text, "data:", {}, probabilities=False))


def test_a_file_that_is_no_picture_is_refused() -> None:
    with pytest.raises(OpinionError):
        data_url(b"%PDF-1.7")


YES, NO, UNCLEAR = Answer("yes", 0.9), Answer("no", 0.1), Answer("unclear", None)


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        ({"a": [NO, NO], "b": [NO, NO]}, "denied"),
        ({"a": [NO, NO], "b": [NO, YES]}, "confirmed"),
        ({"a": [NO, None], "b": [NO, YES]}, "confirmed"),
        ({"a": [YES, None], "b": [NO, NO]}, "confirmed"),
        ({"a": [NO, None], "b": [NO, NO]}, "error"),
        ({"a": [None], "b": [None]}, "error"),
        ({"a": [NO], "b": [UNCLEAR]}, "unclear"),
        ({"a": [NO]}, "unclear"),
        ({}, "unclear"),
    ],
)
def test_one_yes_confirms_and_only_nos_deny(found: dict[str, list[Answer | None]], outcome: str) -> None:
    assert weigh(("a", "b"), found).outcome == outcome


def test_the_highest_probability_of_the_pictures_is_kept() -> None:
    (answer,) = weigh(("a",), {"a": [NO, YES]}).answers
    assert (answer.answer, answer.probability) == ("yes", 0.9)


def test_a_question_without_conditions_is_just_asked() -> None:
    assert prompt(Question("x", "Is it?"), "") == "\n\nQuestion: Is it?\n\nAnswer with one word, yes or no."
