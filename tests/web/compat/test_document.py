"""docs/api-1.0.md says what is so."""

import json
import re

import pytest

from streamwatch.jobs.feedback import CLASSES
from streamwatch.settings.api import ApiTable
from streamwatch.web.compat.parameters import INTERVALS, MAX_PARAMETERS, MAX_VALUE
from streamwatch.web.compat.routes import ENDPOINTS
from streamwatch.web.compat.services import Limits
from tests.web.compat.test_jobs import DOCUMENT

TEXT = DOCUMENT.read_text()


@pytest.mark.parametrize("block", re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL))
def test_examples_are_json(block: str) -> None:
    assert json.loads(block)["status"] in {"success", "failure"}


def test_every_endpoint_is_described() -> None:
    for path, methods in ENDPOINTS.items():
        if "workflow" not in path:
            for method in methods:
                assert re.search(rf"^##+ .*`.*{method}.*{re.escape(path)}`$", TEXT, re.MULTILINE), (method, path)


def test_figures_are_those_of_the_code() -> None:
    api = ApiTable()
    limits = Limits()
    for text in (
        f"| requests of one client | {api.rate:g} a second, {3 * api.rate:g} at once",
        f"{api.max_image_size // 1024**2} MiB, {api.max_image_pixels // 10**6} million pixels",
        f"{api.max_video_size // 1024**3} GiB",
        f"{api.max_sync_duration:g} s",
        f"{api.default_duration / 60:g} minutes of media; at most {api.max_duration / 3600:g} hours",
        f"{api.max_jobs}; {api.max_queued} |",
        f"{limits.held_pictures // 1024**2} MiB",
        f"credentials come after the file | {limits.unproved_uploads} |",
        f"{MAX_PARAMETERS}; {MAX_VALUE} |",
        f"an `interval` outside of {', '.join(f'{seconds:g}' for seconds in INTERVALS)} is",
        *(", ".join(f"`{class_}`" for class_ in classes) for classes in CLASSES.values()),
    ):
        assert text in TEXT, text
