"""docs/configuration.md ends with the schema's own tables."""

from streamwatch.settings.reference import markdown, tables
from tests.peers import CHECKOUT
from tests.settings.schema_walk import ARRAYS
from tests.settings.schema_walk import tables as walked


def test_the_tables_are_the_schema() -> None:
    document = (CHECKOUT / "docs" / "configuration.md").read_text()
    _, heading, written = document.partition("## All keys\n\n")
    assert heading
    assert written == markdown(), (
        "write `python -m streamwatch.settings.reference` into the end of docs/configuration.md"
    )


def test_no_table_is_left_out() -> None:
    assert set(tables()) == {f"[[{name}]]" if name in ARRAYS else f"[{name}]" for name in walked()}
