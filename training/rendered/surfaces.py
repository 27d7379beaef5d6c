"""Procedural textures of walls, floors, streets and fabrics; sRGB pictures that tile roughly."""

import numpy as np
import numpy.typing as npt

from training.rendered.geometry import Floats
from training.rendered.parts import bright

Texture = npt.NDArray[np.float32]
_SIZE = 192


def muted(rng: np.random.Generator, low: float = 0.15, high: float = 0.8) -> Floats:
    """A colour as walls and furniture have it, linear."""
    grey = rng.uniform(low, high)
    return np.clip(grey * (1 + rng.uniform(0, 0.5) * (np.array(bright(rng)) - 0.4)), 0.01, 0.9)


def blotches(rng: np.random.Generator, size: int = _SIZE, octaves: tuple[int, ...] = (4, 12, 40)) -> Floats:
    """(size, size) smooth random field of mean 0 and deviation about 1."""
    field = np.zeros((size, size))
    for cells in octaves:
        coarse = rng.normal(size=(cells, cells))
        t = np.linspace(0, cells, size, endpoint=False)
        i, f = t.astype(int), t % 1
        f = f * f * (3 - 2 * f)
        rows = coarse[i] * (1 - f)[:, None] + coarse[(i + 1) % cells] * f[:, None]
        field += (rows[:, i] * (1 - f) + rows[:, (i + 1) % cells] * f) / np.sqrt(len(octaves))
    return field


def wall(rng: np.random.Generator) -> Texture:
    """Paint, wallpaper, brick, tiles or boards."""
    base, other = muted(rng, 0.25, 0.85), muted(rng)
    kind = rng.random()
    y, x = np.mgrid[0:_SIZE, 0:_SIZE] / _SIZE
    if kind < 0.45:
        share = np.zeros_like(x)
    elif kind < 0.6:
        n = int(rng.integers(4, 20))
        share = ((x * n) % 1 < rng.uniform(0.2, 0.6)).astype(float)
    elif kind < 0.72:
        return _bricks(rng)
    elif kind < 0.84:
        return tiles(rng)
    elif kind < 0.92:
        return boards(rng)
    else:
        n = int(rng.integers(4, 12))
        share = (np.hypot((x * n) % 1 - 0.5, (y * n) % 1 - 0.5) < rng.uniform(0.15, 0.4)).astype(float)
    return _weathered(base + share[..., None] * (other - base) * rng.uniform(0.2, 1), rng, 0.04)


def _bricks(rng: np.random.Generator) -> Texture:
    y, x = np.mgrid[0:_SIZE, 0:_SIZE] / _SIZE
    n = int(rng.integers(8, 16))
    row = np.floor(y * n)
    cell = (x * n / 2 + 0.5 * (row % 2)) % 1
    joint = ((y * n) % 1 < 0.12) | (cell < 0.06)
    base = np.array([[0.3, 0.1, 0.06], [0.35, 0.3, 0.25], [0.2, 0.2, 0.2], [0.6, 0.55, 0.5]])[int(rng.integers(4))]
    number = (row * 31 + np.floor(x * n / 2 + 0.5 * (row % 2)) * 17).astype(int) % 97
    shade = 0.75 + 0.5 * rng.random(97)[number]
    return _weathered(np.where(joint[..., None], 0.4, base * shade[..., None]), rng, 0.08)


def tiles(rng: np.random.Generator) -> Texture:
    """Square tiles with joints, some chequered."""
    y, x = np.mgrid[0:_SIZE, 0:_SIZE] / _SIZE
    n = int(rng.integers(4, 14))
    joint = ((y * n) % 1 < 0.06) | ((x * n) % 1 < 0.06)
    base, other = muted(rng, 0.3, 0.85), muted(rng, 0.1, 0.85)
    odd = (np.floor(y * n) + np.floor(x * n)) % 2
    share = odd * float(rng.random() < 0.4)
    colour = base + share[..., None] * (other - base)
    return _weathered(np.where(joint[..., None], colour * 0.6, colour), rng, 0.03)


def boards(rng: np.random.Generator) -> Texture:
    """Wooden boards."""
    y = np.mgrid[0:_SIZE, 0:_SIZE][0] / _SIZE
    n = int(rng.integers(5, 12))
    row = np.floor(y * n).astype(int)
    base = np.array([[0.3, 0.16, 0.07], [0.45, 0.28, 0.14], [0.12, 0.06, 0.03], [0.5, 0.42, 0.32]])[
        int(rng.integers(4))
    ]
    shade = 0.75 + 0.4 * rng.random(n)[row]
    grain = 1 + 0.15 * np.sin((y * n % 1) * 25 + 4 * blotches(rng, _SIZE, (3, 8)))
    colour = base * (shade * grain)[..., None]
    return _weathered(np.where(((y * n) % 1 < 0.04)[..., None], colour * 0.3, colour), rng, 0.05)


def floor(rng: np.random.Generator) -> Texture:
    """Boards, tiles, carpet or plain."""
    kind = rng.random()
    if kind < 0.35:
        return boards(rng)
    if kind < 0.6:
        return tiles(rng)
    return fabric(rng)


def fabric(rng: np.random.Generator) -> Texture:
    """Carpet, blanket or towel: plain, striped or checked."""
    y, x = np.mgrid[0:_SIZE, 0:_SIZE] / _SIZE
    base, other = muted(rng, 0.05, 0.7), np.array(bright(rng)) * rng.uniform(0.2, 0.8)
    n = int(rng.integers(3, 14))
    kind = rng.random()
    share = np.zeros_like(x)
    if kind < 0.3:
        share = ((y * n) % 1 < 0.4).astype(float)
    elif kind < 0.5:
        share = 0.5 * ((y * n) % 1 < 0.5) + 0.5 * ((x * n) % 1 < 0.5)
    elif kind < 0.65:
        share = (blotches(rng, _SIZE, (6, 14)) > 0.6).astype(float)
    return _weathered(base + share[..., None] * (other - base), rng, 0.1)


def ground(rng: np.random.Generator, kind: str) -> Texture:
    """Asphalt, paving, sand, grass or concrete."""
    noise = blotches(rng, _SIZE, (5, 30, 96))
    if kind == "paving":
        return tiles(rng) * np.float32(0.6)
    base = {
        "asphalt": (0.1, 0.1, 0.105),
        "concrete": (0.35, 0.34, 0.32),
        "sand": (0.55, 0.43, 0.28),
        "grass": (0.08, 0.17, 0.03),
    }[kind]
    colour = np.array(base) * rng.uniform(0.7, 1.3) * (1 + 0.22 * noise[..., None])
    if kind == "asphalt" and rng.random() < 0.5:
        y = np.mgrid[0:_SIZE, 0:_SIZE][0] / _SIZE
        colour = np.where((np.abs(y - rng.random()) < 0.02)[..., None], 0.6, colour)
    return np.clip(colour, 0.01, 0.9).astype(np.float32)


def _weathered(colour: Floats, rng: np.random.Generator, much: float) -> Texture:
    return np.clip(colour * (1 + much * blotches(rng)[..., None]), 0.01, 0.9).astype(np.float32)
