"""The questions: one for every label, each of conditions; files that cannot be used are refused in words."""

from pathlib import Path

import pytest

from streamwatch.errors import ConfigError
from streamwatch.records.labels import LABELS
from streamwatch.settings.credentials import SecretPlaces
from streamwatch.settings.effective import known_secrets
from streamwatch.settings.load import parse_settings
from streamwatch.settings.questions import DEFAULT_FILE, default_questions
from streamwatch.settings.schema import Settings

HEAD = '[second_opinion]\nbase_url = "http://user:passw0rd@127.0.0.1:8000/v1"\nmodel = "m"\n'


def load(text: str, folder: Path, environ: dict[str, str] | None = None) -> Settings:
    return parse_settings(text, "streamwatch.toml", SecretPlaces(environ or {}, folder)).settings


def refused(text: str, folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text, folder)
    return str(caught.value)


def test_every_label_has_a_question_of_conditions_that_can_be_seen() -> None:
    questions = default_questions()
    assert {one.label for one in questions.questions} == set(LABELS)
    for one in questions.questions:
        assert one.text.endswith("?")
        assert len(one.every) + len(one.some) >= 2, one.label
        assert one.never, f"{one.label}: what looks like it and is not"
        for condition in (*one.every, *one.some, *one.never):
            assert condition.endswith("."), condition
            assert not {"disturbing", "dangerous", "disgusting", "shocking"} & set(condition.lower().split()), condition
    assert len({one.text for one in questions.questions}) == len(LABELS)
    assert "Judge only what can be seen" in questions.instruction


def test_a_file_of_the_operators_replaces_them_and_names_itself_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('["gore.prob"]\ntext = "Is there blood?"\nsome = ["A red liquid."]\n')
    first = load(HEAD + 'questions_file = "own.toml"\n', tmp_path).second_opinion.questions_file
    assert first is not None
    assert first.about("gore.prob") is not None
    assert first.about("self-harm.prob") is None
    file.write_text(file.read_text().replace("red", "dark red"))
    second = load(HEAD + 'questions_file = "own.toml"\n', tmp_path).second_opinion.questions_file
    assert second is not None
    assert first.name != second.name
    assert second.name.startswith("own.toml@")


def test_the_file_that_is_brought_is_taken_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "questions.toml").write_bytes(DEFAULT_FILE.read_bytes())
    taken = load(HEAD + 'questions_file = "questions.toml"\n', tmp_path).second_opinion.questions_file
    assert taken == default_questions()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("= 1", "is not TOML"),
        ("", "holds no question"),
        ('["gore.blood"]\ntext = "?"', "'gore.blood' is not a label"),
        ('["gore.prob"]\nevery = []', "gore.prob text"),
        ('["gore.prob"]\ntext = "?"\nalways = []', "gore.prob always"),
        ('instruction = 1\n["gore.prob"]\ntext = "?"', "instruction is not a text"),
        ('["gore.prob"]\ntext = "?"\nsome = [1]', "gore.prob some.0"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "own.toml").write_text(content)
    said = refused(HEAD + 'questions_file = "own.toml"\n', tmp_path)
    assert words in said
    assert "second_opinion.questions_file" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[second_opinion]\nbase_url = "http://127.0.0.1/v1"\n', "has a base_url but no model"),
        ('[second_opinion]\nbase_url = "rtmp://127.0.0.1/v1"\nmodel = "m"\n', "the scheme rtmp: is not supported"),
        (HEAD + 'mode = "silence"\n', "mode"),
        (HEAD + 'timeout = "10m"\n', "outside 0s to 30s"),
        (HEAD + "certainty = 0.5\n", "certainty"),
        (HEAD + 'headers = { Authorization = "x" }\n', "is set by streamwatch itself"),
        (HEAD + 'extra = { messages = "x" }\n', "messages is set by streamwatch itself"),
        (HEAD + "extra = { day = 2026-01-01 }\n", "JSON cannot hold"),
        (HEAD + 'questions_file = "missing.toml"\n', "cannot read"),
        (HEAD + 'labels = ["blood"]\n', "no label begins with"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, words: str) -> None:
    said = refused(text, tmp_path)
    assert words in said
    assert "passw0rd" not in said


def test_its_secrets_are_known_and_printed_nowhere(tmp_path: Path) -> None:
    (tmp_path / "vlm.key").write_text("from-a-file-0123\n")
    settings = load(HEAD + 'api_key = { env = "VLM" }\n', tmp_path, {"VLM": "from-the-environment"})
    assert settings.second_opinion.key == "from-the-environment"
    assert {"from-the-environment", "passw0rd"} <= known_secrets(settings)
    assert "from-the-environment" not in repr(settings)
    assert "passw0rd" not in repr(settings)
    assert load(HEAD + 'api_key_file = "vlm.key"\n', tmp_path).second_opinion.key == "from-a-file-0123"
    assert "both api_key and api_key_file" in refused(HEAD + 'api_key = "one"\napi_key_file = "vlm.key"\n', tmp_path)
