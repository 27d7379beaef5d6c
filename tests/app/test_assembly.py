"""What the operator wrote becomes what each room asks for."""

import pytest

from streamwatch.app.assembly import share_cores
from streamwatch.settings.schema import CaptureTable, InferenceTable, Settings


@pytest.mark.parametrize(
    ("cores", "gpu", "capture", "inference"),
    [(2, False, 1, 1), (16, False, 8, 8), (1, False, 1, 1), (16, True, 15, 1), (1, True, 1, 1)],
)
def test_cores_are_shared(cores: int, gpu: bool, capture: int, inference: int) -> None:
    shares = share_cores(Settings(), cores, gpu=gpu)
    assert (shares.capture, shares.inference) == (capture, inference)


def test_what_is_configured_holds() -> None:
    settings = Settings(capture=CaptureTable(workers=3), inference=InferenceTable(threads=6))
    shares = share_cores(settings, 4, gpu=False)
    assert (shares.capture, shares.inference) == (3, 6)
