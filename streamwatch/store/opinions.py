"""SQL of second opinions: the last one on each incident."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from streamwatch.records.opinion import LabelAnswer, SecondOpinion


def put(connection: sqlite3.Connection, incident: str, opinion: SecondOpinion) -> None:
    """Write the opinion on an incident; an earlier one is replaced."""
    connection.execute(
        "INSERT OR REPLACE INTO second_opinions (incident, outcome, opinion) VALUES (?, ?, ?)",
        (incident, opinion.outcome, json.dumps(asdict(opinion))),
    )


def of(connection: sqlite3.Connection, incidents: Sequence[str]) -> dict[str, SecondOpinion]:
    """Those on these incidents."""
    rows = connection.execute(
        "SELECT incident, opinion FROM second_opinions WHERE incident IN (SELECT value FROM json_each(?))",
        (json.dumps(list(incidents)),),
    )
    return {incident: _opinion(incident, text) for incident, text in rows}


def prune(connection: sqlite3.Connection, *, chunk: int = 500) -> int:
    """Remove at most ``chunk`` opinions on incidents that are kept no more; how many."""
    return int(
        connection.execute(
            "DELETE FROM second_opinions WHERE incident IN (SELECT incident FROM second_opinions "
            "WHERE incident NOT IN (SELECT id FROM incidents) LIMIT ?)",
            (chunk,),
        ).rowcount
    )


def _opinion(incident: str, text: str) -> SecondOpinion:
    try:
        kept: dict[str, Any] = json.loads(text)
        opinion = SecondOpinion(**kept)
        answers = tuple(LabelAnswer(**answer) for answer in kept["answers"])
    except (ValueError, TypeError, KeyError) as error:
        raise sqlite3.DatabaseError(f"database disk image is malformed: opinion on {incident}") from error
    return replace(opinion, labels=tuple(opinion.labels), answers=answers)
