"""Skin, eyes and cloth as colours over the template's body; every painter works on points in space."""

import numpy as np

from training.rendered.clothes import scalp
from training.rendered.geometry import Floats, Noise
from training.rendered.identity import Identity
from training.rendered.template import Sheet, Template


def paint_skin(template: Template, who: Identity, rng: np.random.Generator) -> Floats:
    """(texels, 3) linear RGB of skin, lips, brows, beard and eyes."""
    sheet, places = template.sheet, template.places
    p = sheet.points
    colour = np.tile(np.array(who.skin), (len(p), 1))
    colour *= 1 + 0.07 * Noise(rng, 0.05)(p)[:, None] + 0.03 * Noise(rng, 0.008)(p)[:, None]
    blush = np.clip(Noise(rng, 0.07)(p), 0, 1)[:, None] * sheet.masks["face"][:, None]
    colour *= 1 - blush * np.array([0.0, 0.12, 0.12])
    left, right = places.eyes
    for eye in (left, right):
        colour = _brow(colour, p, eye, who)
        near = np.linalg.norm((p - eye) * [1, 0.4, 1.3], axis=1)
        colour *= 1 - 0.22 * np.exp(-((near / 0.022) ** 2))[:, None]
    colour = _mixed(colour, who.lips, 0.85 * sheet.masks["lips"])
    colour = _beard(colour, sheet, template, who, rng)
    colour = _mixed(colour, tuple(min(1.0, c * 1.25) for c in who.skin), 0.5 * sheet.masks["fingernails"])
    if who.style != "bald":
        under, _ = scalp(template, who)
        colour = _mixed(colour, who.hair, 0.9 * np.clip(sheet.gather(under.astype(float)) * 1.5, 0, 1))
    return np.clip(_eyes(colour, template), 0.004, 1)


def paint_top(template: Template, who: Identity, rng: np.random.Generator) -> Floats:
    """(texels, 3) of the shirt."""
    p, outfit = template.sheet.points, who.outfit
    a, b = (np.array(c) for c in outfit.top)
    scale = rng.uniform(0.02, 0.08)
    if outfit.pattern == "stripes":
        share = (np.sin(p[:, 2 if rng.random() < 0.7 else 0] * 2 * np.pi / scale) > rng.uniform(-0.6, 0.6)).astype(
            float
        )
    elif outfit.pattern == "checks":
        x, z = (np.sin(p[:, i] * 2 * np.pi / scale) > 0.3 for i in (0, 2))
        share = 0.5 * x + 0.5 * z
    elif outfit.pattern == "dots":
        cell = (p[:, [0, 2]] / scale) % 1 - 0.5
        share = (np.linalg.norm(cell, axis=1) < 0.25).astype(float)
    elif outfit.pattern == "blocks":
        share = (p[:, 2] > template.places.collar - rng.uniform(0.1, 0.3)).astype(float)
    elif outfit.pattern == "print":
        middle = np.linalg.norm((p - [0, -0.1, template.places.collar - 0.22]) * [1, 0.3, 1.2], axis=1)
        share = ((middle < 0.1) & (Noise(rng, 0.04)(p) > 0) & (p[:, 1] < 0)).astype(float)
    else:
        share = np.zeros(len(p))
    colour = a + share[:, None] * (b - a)
    return np.clip(_worn(colour, p, rng), 0.004, 0.9)


def paint_cloth(template: Template, base: tuple[float, float, float], rng: np.random.Generator) -> Floats:
    """(texels, 3) of plain, slightly worn cloth."""
    p = template.sheet.points
    return np.clip(_worn(np.tile(np.array(base), (len(p), 1)), p, rng), 0.004, 0.9)


def paint_hair(template: Template, base: tuple[float, float, float], rng: np.random.Generator) -> Floats:
    """(texels, 3) of strands from the crown downwards."""
    p = template.sheet.points
    around = np.arctan2(p[:, 0], p[:, 1] + 0.02)
    strands = np.sin(around * rng.uniform(60, 90) + 3 * Noise(rng, 0.03)(p)) * 0.5 + Noise(rng, 0.02)(p) * 0.4
    return np.clip(np.array(base) * (1 + 0.35 * strands[:, None]), 0.003, 0.9)


def _worn(colour: Floats, p: Floats, rng: np.random.Generator) -> Floats:
    folds = Noise(rng, 0.06)(p * [1, 1, 0.5])
    worn: Floats = colour * (1 + 0.1 * folds[:, None] + 0.04 * Noise(rng, 0.01)(p)[:, None])
    return worn


def _mixed(colour: Floats, other: tuple[float, ...], share: Floats) -> Floats:
    mixed: Floats = colour + np.asarray(share, float)[:, None] * (np.array(other) - colour)
    return mixed


def _brow(colour: Floats, p: Floats, eye: Floats, who: Identity) -> Floats:
    off = p - eye
    side = np.sign(eye[0])
    arch = 0.021 + 0.004 * np.cos((off[:, 0] * side - 0.004) / 0.018 * 1.4)
    across, up = np.abs(off[:, 0] * side - 0.003) / 0.024, np.abs(off[:, 2] - arch) / 0.0045
    on = np.clip(1.3 - up, 0, 1) * np.clip((1 - across) * 4, 0, 1) * (off[:, 1] < 0.03)
    return _mixed(colour, tuple(c * 0.7 for c in who.hair), 0.75 * on)


def _beard(colour: Floats, sheet: Sheet, template: Template, who: Identity, rng: np.random.Generator) -> Floats:
    if who.beard <= 0:
        return colour
    p = sheet.points
    eye = template.places.eyes[0]
    below = eye[2] - p[:, 2]
    low = (
        (below > 0.052)
        & (below < 0.135)
        & (p[:, 1] < eye[1] + 0.085)
        & (template.sheet.gather(template.places.head) > 0.5)
    )
    mouth = (np.abs(p[:, 0]) < 0.03) & (below < 0.079) & (below > 0.058)
    on = low & ~(mouth & (sheet.masks["lips"] > 0.1))
    patchy = 0.6 + 0.3 * Noise(rng, 0.006)(p)
    return _mixed(colour, tuple(c * 0.8 for c in who.hair), on * np.clip(who.beard * patchy, 0, 0.9))


def _eyes(colour: Floats, template: Template) -> Floats:
    colour[template.sheet.gather(template.weight_of("eye")) > 0.9] = 0.55
    return colour
