"""The process settings for torch, each in a process of its own because they cannot be taken back."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import json, os, resource, sys
from streamwatch.inference.tuning import tune_process
assert "torch" not in sys.modules
tuning = tune_process() if sys.argv[1] == "tuned" else None
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    bytearray(40_000_000)
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(json.dumps({
    "policy": os.environ.get("OMP_WAIT_POLICY"),
    "waits": tuning.waits_passively if tuning else None,
    "keeps": tuning.keeps_memory if tuning else None,
    "faults": faults,
}))
"""


def run(how: str, **environment: str) -> dict[str, Any]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "OMP_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], env=clean | environment, capture_output=True, check=True, timeout=60
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="memory is kept with glibc only")
def test_freed_memory_is_used_again() -> None:
    plain, tuned = run("plain"), run("tuned")
    assert tuned["keeps"] is True
    assert tuned["faults"] < plain["faults"] / 5


def test_torchs_threads_are_told_to_sleep() -> None:
    answer = run("tuned")
    assert (answer["policy"], answer["waits"]) == ("PASSIVE", True)


def test_what_the_operator_set_is_left_alone() -> None:
    answer = run("tuned", OMP_WAIT_POLICY="ACTIVE", MALLOC_ARENA_MAX="4")
    assert (answer["policy"], answer["waits"], answer["keeps"]) == ("ACTIVE", False, False)
