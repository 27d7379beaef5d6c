"""Footage with the statistics of a real broadcast: large keyframes, moving texture, grain, scene cuts."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

FPS = 30
GOP = 60
RENDITIONS = {"1080": (1920, 1080, 4_550_000), "480": (854, 480, 1_200_000)}
"""Name -> width, height, bits per second."""

Plane = npt.NDArray[np.float32]


def texture(height: int, width: int, rng: np.random.Generator, falloff: float) -> Plane:
    """Noise whose spectrum falls off with frequency, as photographs have it; mean 0, deviation 1."""
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    amplitude = 1 / np.maximum(np.hypot(fy, fx), 1 / max(height, width)) ** falloff
    phase = np.exp(2j * np.pi * rng.random(amplitude.shape))
    plane: Plane = np.fft.irfft2(amplitude * phase, s=(height, width)).astype(np.float32)
    plane -= plane.mean()
    plane /= plane.std()
    return plane


def pictures(seconds: float, seed: int = 7) -> Iterator[VideoFrame]:
    """1080p yuv420p frames: a panned background, water before it, a sprite that crosses it, grain.

    Keyframes come out at about 22 % of the bits in both renditions, as in the streams that were measured for it.
    """
    rng = np.random.default_rng(seed)
    width, height, _ = RENDITIONS["1080"]
    grain = (rng.standard_normal((height + 64, width + 64)) * 3.0).astype(np.int16)
    scene: list[npt.NDArray[np.int16]] = []
    for number in range(round(seconds * FPS)):
        if number % (4 * GOP) == 0:
            back = texture(height + 64, width + 512, rng, 1.35) * 42 + 120
            water = texture(height // 2, width + 2048, rng, 1.35) * 38 + 110
            chroma = [texture(height // 2 + 32, width // 2 + 256, rng, 1.7) * 18 + 128 for _ in range(2)]
            scene = [np.clip(plane, 16, 235).astype(np.int16) for plane in (back, water, *chroma)]
        step = number % (4 * GOP)
        luma = scene[0][:height, 2 * step : 2 * step + width].copy()
        # Two textures that move through one another: nothing that a motion vector could follow, like water or a crowd.
        there, back_again = scene[1][:, 3 * step :], scene[1][:, 2048 - 3 * step :]
        luma[height // 2 :] = (there[:, :width] + back_again[:, :width]) // 2
        x, y = (step * 9) % (width - 200), 200 + int(150 * np.sin(step / 20))
        luma[y : y + 200, x : x + 200] = 235 - luma[y : y + 200, x : x + 200] // 2
        gy, gx = rng.integers(0, 64, 2)
        luma += grain[gy : gy + height, gx : gx + width]
        shift = step
        planes = [
            np.clip(luma, 16, 235).astype(np.uint8),
            *(plane[: height // 2, shift : shift + width // 2].astype(np.uint8) for plane in scene[2:]),
        ]
        frame = VideoFrame.from_ndarray(
            np.concatenate([plane.reshape(-1, width) for plane in planes]), format="yuv420p"
        )
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        yield frame


def write_clips(folder: Path, seconds: float) -> dict[str, Path]:
    """Both renditions with sound, H.264 High with B-frames, one keyframe every 2 s. Answers their paths."""
    paths = {name: folder / f"{name}.mp4" for name in RENDITIONS}
    outputs = {}
    for name, (width, height, rate) in RENDITIONS.items():
        container = av.open(str(paths[name]), "w")
        video = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt, video.bit_rate = width, height, "yuv420p", rate
        video.options = {
            "preset": "veryfast", "bf": "3", "g": str(GOP), "keyint_min": str(GOP), "sc_threshold": "0",
            "maxrate": str(int(rate * 1.5)), "bufsize": str(rate * 2),
        }  # fmt: skip
        sound = container.add_stream("aac", rate=48000, layout="stereo")
        outputs[name] = (container, video, sound, VideoReformatter())
    for frame in pictures(seconds):
        for container, video, _, scaler in outputs.values():
            scaled = frame
            if video.width != frame.width:
                scaled = scaler.reformat(frame, width=video.width, height=video.height, interpolation="AREA")
                scaled.pts, scaled.time_base = frame.pts, frame.time_base
            container.mux(video.encode(scaled))
    rng = np.random.default_rng(1)
    for container, video, sound, _ in outputs.values():
        container.mux(video.encode(None))
        for index in range(round(seconds * 48000 / 1024)):
            noise = (rng.standard_normal((2, 1024)) * 0.1).astype(np.float32)
            chunk = AudioFrame.from_ndarray(noise, format="fltp", layout="stereo")
            chunk.sample_rate, chunk.pts, chunk.time_base = 48000, index * 1024, Fraction(1, 48000)
            container.mux(sound.encode(chunk))
        container.mux(sound.encode(None))
        container.close()
    return paths


def keyframe_bytes(path: Path) -> float:
    """Median size of the clip's keyframes."""
    with av.open(str(path)) as container:
        return float(np.median([packet.size for packet in container.demux(video=0) if packet.is_keyframe]))
