"""Clothes and hair as layers over the skin: parts of the body's mesh, smoothed, pushed outwards and posed with it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.rendered.geometry import Floats, Mesh, Noise, joined, lathe, normals, vector
from training.rendered.identity import Identity, Outfit
from training.rendered.template import Template

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Layer:
    """A cover over part of the body: every vertex of the body at rest, but only some faces."""

    name: str
    vertices: Floats
    faces: npt.NDArray[np.int64]
    """Numbers of the template's faces."""


@dataclass(frozen=True, slots=True)
class Wardrobe:
    """All layers of one person, and the skin's faces that no layer hides."""

    layers: list[Layer]
    skin_faces: npt.NDArray[np.int64]


def dress(template: Template, who: Identity, rng: np.random.Generator) -> Wardrobe:
    """Top, bottom, shoes and hair of a person."""
    covered = np.zeros(len(who.rest.vertices), bool)
    layers = []
    outer = np.zeros(len(covered))
    for name, mask, thick, smooth in _pieces(template, who.outfit):
        layers.append(_layer(template, who, name, mask, thick=thick, smooth=smooth, rng=rng, outer=outer))
        covered |= mask
    if who.style != "bald":
        mask, thick = scalp(template, who)
        layers.append(_layer(template, who, "hair", mask, thick=thick, smooth=2, rng=rng, outer=outer))
    deep = _shrunk(template.faces, covered)
    hidden = deep[template.faces].all(1)
    return Wardrobe(layers, np.flatnonzero(~hidden))


def _pieces(template: Template, outfit: Outfit) -> list[tuple[str, Mask, float, int]]:
    p = template.places
    trunk = (p.head < 0.5) & (p.height < p.collar - outfit.collar)
    no_hand = p.hand < 0.4
    shirt = trunk & (p.height > p.hip - 0.07) & ((p.arm < 0.5) | (p.sleeve < outfit.sleeve)) & no_hand
    hem = p.hip + 0.08
    legs = (p.height < hem) & (p.arm < 0.5) & ((p.leg < 0.5) | (p.trouser < outfit.trouser)) & (p.head < 0.1) & no_hand
    feet = (p.leg > 0.5) & (p.trouser > 1.93) | (p.toes > 0.2)
    return [
        ("bottom", legs, outfit.loose * 0.6 + 0.004, 4),
        ("top", shirt, outfit.loose + 0.004, 9),
        ("shoes", feet, 0.012, 8),
    ]


def scalp(template: Template, who: Identity) -> tuple[Mask, float]:
    """Which vertices carry hair or a cover, and how thick it is."""
    p, v = template.places, template.average.vertices
    low, top = p.chin_to_top
    eye = p.eyes[0]
    up = (v[:, 2] - low) / (top - low)
    # the hairline runs from the forehead down behind the ears to the neck
    front = eye[1]
    back = np.clip((v[:, 1] - front) / 0.16, 0, 1)
    line = {"scarf": 0.86, "cap": 0.8, "beanie": 0.72}.get(who.style, 0.8) - 0.66 * np.clip((back - 0.1) * 1.9, 0, 1)
    if who.style == "cap":
        line = np.maximum(line, 0.5)
    ears = (np.abs(v[:, 0]) > 0.068) & (up < 0.52) & (back < 0.62)
    mask = (p.head > 0.6) & (up > line) & (~ears | (who.style in ("scarf", "beanie")))
    if who.style == "scarf":
        neck = (up < 0.2) & (v[:, 2] > p.collar - 0.01) & (p.arm < 0.1)
        mask |= neck & (v[:, 1] > front + 0.02)
    thick = {
        "cropped": 0.004,
        "short": 0.014,
        "full": 0.028,
        "long": 0.022,
        "bun": 0.012,
        "cap": 0.014,
        "scarf": 0.014,
        "beanie": 0.018,
    }
    return mask, thick.get(who.style, 0.01) * who.hair_thickness


def _layer(
    template: Template,
    who: Identity,
    name: str,
    mask: Mask,
    *,
    thick: float,
    smooth: int,
    rng: np.random.Generator,
    outer: Floats,
) -> Layer:
    faces = template.faces.astype(np.int64)
    chosen = np.flatnonzero(mask[faces].sum(1) >= 2) if name != "hair" else np.flatnonzero(mask[faces].all(1))
    used = np.zeros(len(mask), bool)
    used[faces[chosen]] = True
    base = who.rest.vertices
    outward = normals(base, template.faces)
    smoothed = _smooth(base, faces[chosen], used, smooth)
    ripple = Noise(rng, 0.05 if name == "hair" else 0.09)(base)
    lift = thick * (1 + (0.3 if name == "hair" else 0.35) * ripple)
    rise = np.maximum(((smoothed - base) * outward).sum(1), -0.2 * thick)
    inner = _shrunk(faces[chosen], used)
    # rims lie close to the skin, or one would look under them
    lift = np.where(inner, lift, lift * 0.3)
    tangent = (smoothed - base) - outward * ((smoothed - base) * outward).sum(1, keepdims=True)
    # a layer never dips below the one that is worn under it; ``outer`` grows with each
    off = np.maximum(rise + np.maximum(lift, 0.003), np.where(outer > 0, outer + 0.004, 0))
    outer[used] = off[used]
    vertices = base + tangent * inner[:, None] + outward * off[:, None]
    return Layer(name, np.where(used[:, None], vertices, base), chosen)


def _smooth(v: Floats, faces: npt.NDArray[np.int64], used: Mask, rounds: int) -> Floats:
    pairs = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    a, b = np.concatenate([pairs[:, 0], pairs[:, 1]]), np.concatenate([pairs[:, 1], pairs[:, 0]])
    count = np.maximum(np.bincount(a, minlength=len(v)), 1)[:, None]
    current = v.copy()
    for _ in range(rounds):
        mean = np.column_stack([np.bincount(a, current[b, i], minlength=len(v)) for i in range(3)]) / count
        current = np.where(used[:, None], 0.4 * current + 0.6 * mean, current)
    return current


def _shrunk(faces: npt.NDArray[Any], mask: Mask) -> Mask:
    """The mask without its rim."""
    touched = np.zeros(len(mask), bool)
    rim = ~mask[faces].all(1)
    touched[faces[rim]] = True
    return mask & ~touched


def long_hair(who: Identity, head_middle: Floats, head_size: Floats, rng: np.random.Generator) -> Mesh | None:
    """What hangs or stands off the scalp: a curtain behind the ears, a bun, a peak or a hood; at rest places."""
    if who.style == "bun":
        ball = lathe([(0.0, -0.04), (0.035, -0.025), (0.045, 0), (0.035, 0.025), (0.0, 0.04)], 14)
        return ball.moved(np.eye(3), head_middle + vector(0, head_size[1] * 0.85, head_size[2] * 0.5))
    if who.style == "cap":
        return _peak(head_middle, head_size)
    if who.style != "long":
        return None
    reach, wave = rng.uniform(0.2, 0.42), rng.uniform(0, 0.008)
    steps, sides = 9, 60
    angles = np.radians(np.linspace(-100, 100, sides))
    strands = 0.004 * np.sin(angles * 31 + 2) + 0.003 * np.sin(angles * 53)
    rows = []
    # thin at the face, full at the back
    taper = np.clip(np.cos(angles * 0.85), 0.12, 1)
    for thick in (0.002, 0.028 * who.hair_thickness):
        for s in np.linspace(0, 1, steps):
            flare = 0.93 + 0.16 * s
            depth = thick * taper * (1 - 0.4 * s)
            radius_x, radius_y = head_size[0] * flare + depth, head_size[1] * (0.92 - 0.12 * s) + depth
            sway = wave * np.sin(s * 14 + angles * 3) + strands
            x, y = np.sin(angles) * (radius_x + sway), np.cos(angles) * (radius_y + sway)
            z = np.full(sides, head_size[2] * 0.45) - s * (reach * (0.75 + 0.25 * taper) + head_size[2] * 0.45)
            rows.append(head_middle + np.column_stack([x, y, z]))
    vertices = np.vstack(rows)
    i = np.arange(sides - 1)
    faces = []
    for shell in (0, 1):
        for step in range(steps - 1):
            a = (shell * steps + step) * sides + i
            faces += [np.column_stack([a, a + 1, a + sides]), np.column_stack([a + 1, a + sides + 1, a + sides])]
    for side in (0, sides - 1):
        for step in range(steps - 1):
            near, far = step * sides + side, (steps + step) * sides + side
            faces.append(np.array([[near, far, near + sides], [far, far + sides, near + sides]]))
    return Mesh(vertices, np.vstack(faces).astype(np.uint32))


def _peak(middle: Floats, size: Floats) -> Mesh:
    angles = np.linspace(-1.1, 1.1, 12)
    rows = []
    for t in (0.0, 1.0):
        reach = size[1] * (0.93 + 0.75 * t * np.cos(angles) ** 0.7)
        x, y = np.sin(angles) * size[0] * 1.05, -np.cos(angles) * reach
        rows.append(middle + np.column_stack([x, y, np.full(12, size[2] * (0.5 - 0.12 * t))]))
    vertices = np.vstack(rows)
    i = np.arange(11)
    faces = np.vstack([np.column_stack([i, i + 1, i + 12]), np.column_stack([i + 1, i + 13, i + 12])])
    top = Mesh(vertices, faces.astype(np.uint32))
    return joined([top, Mesh(vertices - [0, 0, 0.006], faces[:, ::-1].astype(np.uint32))])
