"""What the API is measured against, in a process of its own: decode, preprocess and score files, and nothing else.

Reads ``batch seconds`` lines, answers each with a JSON line; decodes with the function of the upload workers.
"""

import json
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Final

import numpy as np
import torch

from streamwatch.capture.uploads.stills import StillDecoder
from streamwatch.inference.model import EncoderModel, find_weights, load_model
from streamwatch.inference.tuning import tune_process
from streamwatch.records.frame import Pixels

MOST_PIXELS: Final = 50_000_000


def decode(decoder: StillDecoder, data: bytes, short_side: int) -> Pixels:
    """The picture as an upload worker hands it over."""
    [shot] = decoder.decode(data, short_side, 1).shots
    return np.frombuffer(shot.pixels, np.uint8).reshape(shot.height, shot.width, 3)


def turn(model: EncoderModel, files: Iterator[bytes], batch: int, seconds: float) -> dict[str, float]:
    """CPU-seconds of this whole process (all threads) while it scores the files over and over."""
    decoder = StillDecoder(max_pixels=MOST_PIXELS, patience=15.0)
    images, began, cpu = 0, time.monotonic(), time.process_time()
    while time.monotonic() < began + seconds:
        pictures = [decode(decoder, next(files), model.short_side) for _ in range(batch)]
        model.forward(model.prepare(pictures))
        images += batch
    cpu, lasted = time.process_time() - cpu, time.monotonic() - began
    return {"images": images, "cpu": cpu, "seconds": lasted}


def main() -> None:
    """``FOLDER WEIGHTS THREADS``; ends when standard input closes."""
    tune_process()
    folder, weights, threads = sys.argv[1:]
    model = load_model(find_weights(weights), threads=int(threads))
    files = cycle([file.read_bytes() for file in sorted(Path(folder).glob("*.jpg"))])
    turn(model, files, 4, 0.5)
    print(json.dumps({"threads": torch.get_num_threads(), "device": str(model.device)}), flush=True)
    for line in sys.stdin:
        batch, seconds = line.split()
        print(json.dumps(turn(model, files, int(batch), float(seconds))), flush=True)


if __name__ == "__main__":
    main()
