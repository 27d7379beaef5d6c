"""The plain file that heads and tuned tensors are kept in."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from streamwatch.errors import WeightsError

Arrays = Mapping[str, npt.NDArray[np.generic]]


def write_arrays(arrays: Arrays, file: Path) -> str:
    """Writes a plain .npz with fixed bytes for fixed content; returns its sha256."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            # A fixed date keeps the file's hash a function of the weights alone.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), buffer.getvalue())
    return hashlib.sha256(file.read_bytes()).hexdigest()


def read_arrays(file: Path, what: str) -> dict[str, npt.NDArray[np.generic]]:
    """Every array of a .npz file. Pickled content is refused; WeightsError names the file and what it should be."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except FileNotFoundError as error:
        raise WeightsError(f"{file}: {what} is missing. Restore the file, or make it anew") from error
    except (OSError, ValueError, KeyError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{file}: cannot be read as {what} ({type(error).__name__})") from error
