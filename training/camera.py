"""What happens to a picture on its way through a live stream: exposure, softness, noise, low bit rate."""

import io

import av
import av.error
import numpy as np
from PIL import Image, ImageFilter

from streamwatch.records.frame import Pixels


def through_stream(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """One random way through camera and encoder; the size may shrink to that of a small rendition."""
    picture = _expose(picture, rng)
    if rng.random() < 0.25:
        soft = Image.fromarray(picture).filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.8)))
        picture = np.asarray(soft)
    if rng.random() < 0.2:
        noisy = picture + rng.normal(0, rng.uniform(2, 9), picture.shape)
        picture = noisy.clip(0, 255).astype(np.uint8)
    choice = rng.random()
    if choice < 0.6:
        return keyframe(picture, int(rng.integers(22, 41)))
    if choice < 0.85:
        return _jpeg(picture, int(rng.integers(25, 92)))
    return picture


def keyframe(picture: Pixels, quantiser: int) -> Pixels:
    """The picture as an H.264 keyframe at this constant quantiser (0-51, low bit rates are above 30)."""
    height, width = (picture.shape[0] // 2) * 2, (picture.shape[1] // 2) * 2
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = 1  # type: ignore[assignment]
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "qp": str(quantiser), "threads": "1"}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24")
    packets = [*encoder.encode(frame.reformat(format="yuv420p")), *encoder.encode(None)]
    decoder = av.CodecContext.create("h264", "r")
    pictures = [p for packet in packets for p in decoder.decode(packet)] + decoder.decode(None)
    decoded: Pixels = pictures[0].to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    return decoded


def _expose(picture: Pixels, rng: np.random.Generator) -> Pixels:
    if rng.random() < 0.5:
        return picture
    gain = rng.uniform(0.6, 1.25) * rng.uniform(0.95, 1.05, 3)
    shifted = picture * gain + rng.uniform(-15, 20)
    return shifted.clip(0, 255).astype(np.uint8)


def _jpeg(picture: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def reddened(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """The picture with its strongest hue turned to red: red leaves, red sky, red cars, red shirts."""
    hsv = np.asarray(Image.fromarray(picture).convert("HSV")).astype(np.int16)
    weight = hsv[..., 1].astype(np.float64) * hsv[..., 2]
    strongest = int(np.bincount(hsv[..., 0].ravel(), weights=weight.ravel(), minlength=256).argmax())
    hsv[..., 0] = (hsv[..., 0] - strongest + int(rng.integers(-8, 9))) % 256
    hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(1.2, 2.6) + rng.uniform(0, 40), 0, 255)
    hsv[..., 2] = np.clip(hsv[..., 2] * rng.uniform(0.6, 1.05), 0, 255)
    return np.asarray(Image.fromarray(hsv.astype(np.uint8), "HSV").convert("RGB"))
