"""From linear light to a picture as a live stream carries it: exposure, tone, noise, low bit rate."""

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from training.art import Split
from training.rendered.series import CODECS, CURVES, Curve

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Film:
    """The camera and encoder of one pair."""

    exposure: float
    tint: tuple[float, float, float]
    curve: Curve
    noise: float
    blur: float
    codec: str
    bits_per_pixel: float


def random_film(rng: np.random.Generator, split: Split) -> Film:
    """Other tone curves and codecs are held out for the test."""
    curves = CURVES[split]
    codecs = CODECS[split]
    tint = np.exp(rng.normal(0, 0.06, 3))
    return Film(
        float(np.exp(rng.normal(0, 0.25))),
        (float(tint[0]), float(tint[1]), float(tint[2])),
        curves[int(rng.integers(len(curves)))],
        float(rng.uniform(0, 0.02)),
        float(rng.uniform(0, 0.7)),
        codecs[int(rng.integers(len(codecs)))],
        float(np.exp(rng.uniform(np.log(0.04), np.log(0.5)))),
    )


def develop(
    light: npt.NDArray[np.float32], film: Film, person: npt.NDArray[np.bool_], rng: np.random.Generator
) -> Picture:
    """uint8 RGB as decoded by a viewer; ``person`` is a small mask of what the camera meters on."""
    light = _without_fireflies(light)
    level = _metered(light.mean(2), person)
    exposed = light * (0.19 * film.exposure / max(level, 1e-3)) * np.array(film.tint, np.float32)
    if film.curve == "gamma":
        exposed = np.where(exposed > 0.6, 0.6 + 0.4 * np.tanh((exposed - 0.6) / 0.8), exposed)
    elif film.curve == "soft":
        exposed = 1.35 * exposed * (1 + exposed / 9) / (1 + exposed)
    else:
        x = exposed * 0.9
        exposed = (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)
    toned = np.clip(exposed, 0, 1) ** (1 / 2.2)
    picture = Image.fromarray((toned * 255).astype(np.uint8))
    if film.blur > 0.25:
        picture = picture.filter(ImageFilter.GaussianBlur(film.blur))
    clean = np.asarray(picture).astype(np.float32)
    frames = [_noisy(clean, film, rng) for _ in range(3)]
    if film.codec == "none":
        return frames[-1]
    return _streamed(frames, film)


def _metered(grey: npt.NDArray[np.float32], person: npt.NDArray[np.bool_]) -> float:
    """The level that becomes middle grey: the person's, and a little of the whole picture's."""
    rows = np.arange(grey.shape[0]) * person.shape[0] // grey.shape[0]
    columns = np.arange(grey.shape[1]) * person.shape[1] // grey.shape[1]
    body = grey[person[rows][:, columns]]
    whole = float(np.median(grey))
    if len(body) < 50:
        return whole
    return max(0.75 * float(np.median(body)) + 0.25 * whole, float(np.percentile(body, 90)) / 3.0)


def _without_fireflies(light: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Single pixels far brighter than all around them are errors of the renderer."""
    h, w = light.shape[:2]
    padded = np.pad(light, ((1, 1), (1, 1), (0, 0)), mode="edge")
    around = np.stack([padded[y : y + h, x : x + w] for y in range(3) for x in range(3) if (x, y) != (1, 1)])
    median = np.median(around, axis=0)
    wild = light.mean(2) > 1.8 * median.mean(2) + 0.02
    return np.where(wild[..., None], median, light)


def _noisy(clean: npt.NDArray[np.float32], film: Film, rng: np.random.Generator) -> Picture:
    noise = rng.normal(0, film.noise * 255, clean.shape)
    return np.clip(clean + noise, 0, 255).astype(np.uint8)


def _streamed(frames: list[Picture], film: Film) -> Picture:
    """The last of some frames, after an encoder that had few bits for them."""
    height, width = (s // 2 * 2 for s in frames[0].shape[:2])
    encoder = av.CodecContext.create(film.codec, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.framerate = Fraction(25)
    encoder.bit_rate = int(width * height * 25 * film.bits_per_pixel)
    encoder.thread_count = 1
    encoder.gop_size = 50
    fast = {
        "libx264": {"preset": "veryfast", "tune": "zerolatency"},
        "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=1"},
    }
    encoder.options = fast.get(film.codec, {"deadline": "realtime", "cpu-used": "8"} if film.codec == "libvpx" else {})
    packets = []
    for number, picture in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24").reformat(
            format="yuv420p"
        )
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    decoder = av.CodecContext.create(
        {"libx264": "h264", "libx265": "hevc", "libvpx": "vp8"}.get(film.codec, film.codec), "r"
    )
    assert isinstance(decoder, av.VideoCodecContext)
    if encoder.extradata:
        decoder.extradata = encoder.extradata
    decoded = [f for packet in packets for f in decoder.decode(packet)] + decoder.decode(None)
    last: Picture = decoded[-1].to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    return last
