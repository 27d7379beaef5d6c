"""An operator's folder of drawn pictures and videos, labelled as an operator would."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import av
from PIL import Image

from streamwatch.demo.drawings import GORE_FROM, GORE_PERIOD, gore_scene, harmless_scene

SIZE = (192, 108)


def write_labels(folder: Path, rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> None:
    """``labels.csv``."""
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def write_pictures(folder: Path, each: int, *, first: int = 0) -> list[dict[str, object]]:
    """So many pictures with drawn gore and as many without, each of a scene of its own; their rows."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    for number in range(first, first + each):
        time = number * GORE_PERIOD + GORE_FROM + 0.5 + number % 9
        for kind, draw in (("gore", gore_scene), ("sea", harmless_scene)):
            name = f"{kind}-{number:03}.jpg"
            Image.fromarray(draw(time, *SIZE)).save(folder / name, quality=90)
            rows.append({"file": name, "group": f"{kind} {number}", "gore.prob": int(kind == "gore")})
    return rows


def write_clip(file: Path, seconds: int, *, gore: bool = False, rate: int = 1, start: int = 0) -> None:
    """A video of so many seconds from ``start`` on; with ``gore``, it is there from second 6 to 16 of every 24."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draw = gore_scene if gore else harmless_scene
    with av.open(file, "w") as output:
        stream = output.add_stream("libx264", rate=rate, options={"g": "1", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(seconds * rate):
            frame = av.VideoFrame.from_ndarray(draw(start + number / rate, *SIZE), format="rgb24")
            for packet in stream.encode(frame):
                output.mux(packet)
        for packet in stream.encode():
            output.mux(packet)
