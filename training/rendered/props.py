"""Things that hands hold, from a few solids in hand coordinates: finger direction, knuckles, palm normal; metres."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from training.rendered.blades import BLADES
from training.rendered.geometry import Mesh, along, box, joined, lathe, prism, vector
from training.rendered.parts import Colour, Part, Prop, bright, tone
from training.rendered.reach import Held

_F, _K, _N = vector(1, 0, 0), vector(0, 1, 0), vector(0, 0, 1)


def make_prop(kind: str, rng: np.random.Generator) -> Prop:
    """One random thing of a kind; KeyError for a kind that nobody builds."""
    return MAKERS[kind](rng)


def _pistol(rng: np.random.Generator) -> Prop:
    length, tall, thick = rng.uniform(0.17, 0.22), rng.uniform(0.03, 0.037), rng.uniform(0.024, 0.03)
    dark = rng.random() < 0.75
    frame = tone(rng, 0.015, 0.06) if dark else tone(rng, 0.3, 0.55)
    slide = frame if rng.random() < 0.7 else tone(rng, 0.35, 0.6)
    grip = tone(rng, 0.01, 0.04) if rng.random() < 0.75 else (0.16, 0.07, 0.03)
    front, top = length - 0.055, 0.062
    upper = box((length, tall, thick), (front - length / 2, top, 0.03))
    dust = box((length * 0.7, 0.016, thick * 0.9), (front - length * 0.45, top - tall / 2 - 0.007, 0.03))
    slant = rng.uniform(0.012, 0.03)
    outline = [(0.036, 0.05), (-0.018, 0.05), (-0.02 - slant, -0.055), (0.03 - slant, -0.06)]
    handle = prism(outline, 0.03 - thick * 0.55, 0.03 + thick * 0.55)
    guard = joined([box((0.045, 0.004, 0.01), (0.062, 0.012, 0.03)), box((0.004, 0.03, 0.01), (0.084, 0.025, 0.03))])
    bore = along(lathe([(0.0075, 0.0), (0.0075, 0.006)], 12), _F, vector(front - 0.001, top + 0.004, 0.03))
    sights = joined(
        [
            box((0.006, 0.006, 0.004), (front - 0.01, top + tall / 2 + 0.003, 0.03)),
            box((0.006, 0.006, 0.014), (front - length + 0.012, top + tall / 2 + 0.003, 0.03)),
        ]
    )
    parts = [
        Part(upper, slide, "metal"),
        Part(joined([dust, guard]), frame, "plastic"),
        Part(handle, grip, "plastic"),
        Part(joined([bore, sights]), (0.01, 0.01, 0.01), "matt"),
    ]
    return Prop("pistol", parts, Held(vector(front, top, 0.03), _F, _K), 60, 48, 22)


def _revolver(rng: np.random.Generator) -> Prop:
    barrel = rng.uniform(0.06, 0.15)
    steel = tone(rng, 0.3, 0.6) if rng.random() < 0.5 else tone(rng, 0.02, 0.06)
    wood = (0.2, 0.08, 0.03) if rng.random() < 0.6 else (0.02, 0.02, 0.02)
    top = 0.062
    tube = along(lathe([(0.0095, 0), (0.0095, barrel)], 14), _F, vector(0.045, top + 0.008, 0.03))
    rib = box((barrel, 0.012, 0.01), (0.045 + barrel / 2, top + 0.014, 0.03))
    drum = along(
        lathe([(0.016, 0), (0.0205, 0.004), (0.0205, 0.038), (0.017, 0.042)], 12), _F, vector(0.004, top, 0.03)
    )
    frame = box((0.075, 0.02, 0.02), (0.01, top - 0.018, 0.03))
    strap = box((0.085, 0.008, 0.012), (0.01, top + 0.022, 0.03))
    hammer = box((0.012, 0.022, 0.008), (-0.036, top + 0.016, 0.03))
    guard = joined([box((0.04, 0.004, 0.01), (0.055, 0.012, 0.03)), box((0.004, 0.03, 0.01), (0.075, 0.026, 0.03))])
    grip = prism([(0.02, 0.045), (-0.028, 0.045), (-0.05, -0.045), (-0.03, -0.06), (0.0, -0.055)], 0.017, 0.043)
    parts = [Part(joined([tube, rib, drum, frame, strap, hammer, guard]), steel, "metal"), Part(grip, wood, "plastic")]
    return Prop("revolver", parts, Held(vector(0.045 + barrel, top + 0.008, 0.03), _F, _K), 60, 48, 22)


def _water_pistol(rng: np.random.Generator) -> Prop:
    body, tank, tip = bright(rng), bright(rng), bright(rng)
    length = rng.uniform(0.15, 0.24)
    front, top = length - 0.06, 0.066
    barrel = along(
        lathe([(0.024, 0), (0.026, length * 0.6), (0.014, length)], 12), _F, vector(front - length, top, 0.03)
    )
    bottle = along(
        lathe([(0.01, 0), (0.03, 0.015), (0.03, 0.08), (0.01, 0.095)], 12),
        vector(0.6, 0.8, 0),
        vector(-0.04, top + 0.015, 0.03),
    )
    nozzle = along(lathe([(0.014, 0), (0.008, 0.018)], 12), _F, vector(front, top, 0.03))
    handle = prism([(0.034, 0.05), (-0.018, 0.05), (-0.035, -0.06), (0.012, -0.065)], 0.014, 0.046)
    guard = joined([box((0.045, 0.008, 0.014), (0.062, 0.012, 0.03)), box((0.008, 0.03, 0.014), (0.084, 0.03, 0.03))])
    parts = [
        Part(joined([barrel, handle, guard]), body, "plastic"),
        Part(bottle, tank, "plastic"),
        Part(nozzle, tip, "plastic"),
    ]
    return Prop("water_pistol", parts, Held(vector(front + 0.018, top, 0.03), _F, _K), 60, 48, 22)


def _hairdryer(rng: np.random.Generator) -> Prop:
    body = bright(rng) if rng.random() < 0.5 else tone(rng, 0.02, 0.7)
    front, top = rng.uniform(0.1, 0.15), 0.085
    radius = rng.uniform(0.032, 0.042)
    tube = along(
        lathe([(radius * 0.9, -0.1), (radius, -0.07), (radius, 0.02), (radius * 0.75, front)], 20),
        _F,
        vector(0, top, 0.03),
    )
    ring = along(lathe([(radius * 0.8, 0), (radius * 0.8, 0.02)], 20), _F, vector(front, top, 0.03))
    handle = along(lathe([(0.017, 0), (0.02, 0.08), (0.016, 0.13)], 14), -_K, vector(0.01, 0.06, 0.03))
    parts = [Part(joined([tube, handle]), body, "plastic"), Part(ring, (0.02, 0.02, 0.02), "plastic")]
    return Prop("hairdryer", parts, Held(vector(front + 0.02, top, 0.03), _F, _K), 62)


def _phone(rng: np.random.Generator) -> Prop:
    wide, long, thick = rng.uniform(0.068, 0.08), rng.uniform(0.14, 0.165), 0.009
    case = bright(rng) if rng.random() < 0.4 else tone(rng, 0.015, 0.5)
    back = 0.024
    # slanting from the heel of the hand past the root of the index finger, so that the wrist stays straight at the ear
    slant = np.radians(rng.uniform(35, 50))
    long_axis = vector(np.sin(slant), np.cos(slant), 0)
    lie = np.column_stack([vector(np.cos(slant), -np.sin(slant), 0), long_axis, _N])
    place = vector(0.012, 0, back) + long_axis * 0.025

    def laid(size: tuple[float, float, float], across: float, along_: float, high: float) -> Mesh:
        return box(size, (across, along_, high)).moved(lie, place)

    shell = laid((wide, long, thick), 0, 0, thick / 2)
    glass = laid((wide * 0.93, long * 0.95, 0.001), 0, 0, thick)
    lens = laid((0.018, 0.02, 0.003), wide * 0.3, long * 0.4, -0.001)
    lit = rng.random() < 0.4
    screen: Colour = (0.4, 0.5, 0.6) if lit else (0.015, 0.015, 0.02)
    parts = [Part(shell, case, "plastic"), Part(glass, screen, "metal"), Part(lens, (0.02, 0.02, 0.02), "metal")]
    tip = place + long_axis * (long * 0.38) + _N * thick
    return Prop("phone", parts, Held(tip, _N, long_axis), 34, 30, 30)


def _microphone(rng: np.random.Generator) -> Prop:
    dark = tone(rng, 0.015, 0.08) if rng.random() < 0.8 else bright(rng)
    stick = along(lathe([(0.012, -0.1), (0.0155, 0.07)], 16), _K, vector(0.02, 0, 0.03))
    ball = along(
        lathe([(0.015, 0), (0.026, 0.012), (0.028, 0.03), (0.022, 0.048), (0.008, 0.056)], 16),
        _K,
        vector(0.02, 0.07, 0.03),
    )
    mesh = tone(rng, 0.2, 0.5) if rng.random() < 0.7 else bright(rng)
    return Prop(
        "microphone",
        [Part(stick, dark, "plastic"), Part(ball, mesh, "metal")],
        Held(vector(0.02, 0.126, 0.03), _K, _F),
        66,
    )


def _cup(rng: np.random.Generator) -> Prop:
    radius, tall = rng.uniform(0.03, 0.042), rng.uniform(0.08, 0.13)
    colour = bright(rng) if rng.random() < 0.5 else tone(rng, 0.3, 0.8)
    n = 0.018 + radius
    wall = lathe([(radius * 0.8, 0), (radius, tall), (radius * 0.9, tall), (radius * 0.72, 0.01)], 22)
    parts = [Part(along(wall, _K, vector(0.03, -tall * 0.45, n)), colour, "plastic")]
    return Prop("cup", parts, Held(vector(0.03, tall * 0.55, n + radius * 0.6), _K, _N), 38, 36, 34)


def _bottle(rng: np.random.Generator) -> Prop:
    radius, tall = rng.uniform(0.028, 0.036), rng.uniform(0.19, 0.25)
    n = 0.018 + radius
    wall = lathe([(radius * 0.9, 0), (radius, 0.01), (radius, tall * 0.62), (0.012, tall * 0.85), (0.012, tall)], 20)
    colour = (0.03, 0.12, 0.04) if rng.random() < 0.4 else bright(rng)
    return Prop(
        "bottle",
        [Part(along(wall, _K, vector(0.03, -0.07, n)), colour, "plastic")],
        Held(vector(0.03, tall - 0.07, n), _K, _N),
        42,
        40,
        34,
    )


def _comb(rng: np.random.Generator) -> Prop:
    colour = bright(rng) if rng.random() < 0.6 else tone(rng, 0.01, 0.1)
    if rng.random() < 0.5:
        bar = box((0.016, 0.17, 0.005), (0.03, 0.06, 0.03))
        teeth = [box((0.02, 0.0018, 0.003), (0.047, y, 0.03)) for y in np.linspace(0.045, 0.14, 22)]
        return Prop(
            "comb", [Part(joined([bar, *teeth]), colour, "plastic")], Held(vector(0.055, 0.1, 0.03), _F, _K), 64
        )
    stick = along(lathe([(0.009, 0), (0.013, 0.05), (0.009, 0.13)], 12), _K, vector(0.02, -0.06, 0.03))
    head = prism([(0.034, 0.07), (0.038, 0.16), (0.002, 0.16), (0.006, 0.07)], 0.015, 0.045)
    pins = box((0.02, 0.08, 0.024), (0.047, 0.115, 0.03))
    return Prop(
        "brush",
        [Part(joined([stick, head]), colour, "plastic"), Part(pins, (0.02, 0.02, 0.02), "matt")],
        Held(vector(0.058, 0.115, 0.03), _F, _K),
        64,
    )


def _shaver(rng: np.random.Generator) -> Prop:
    colour = bright(rng) if rng.random() < 0.5 else tone(rng, 0.02, 0.5)
    if rng.random() < 0.5:
        stick = along(lathe([(0.006, -0.06), (0.008, 0.0), (0.005, 0.07)], 10), _K, vector(0.03, 0, 0.032))
        head = box((0.012, 0.012, 0.042), (0.036, 0.075, 0.032))
        return Prop(
            "shaver",
            [Part(stick, colour, "plastic"), Part(head, tone(rng, 0.3, 0.6), "metal")],
            Held(vector(0.043, 0.077, 0.032), _F, _K),
            62,
        )
    body = along(
        lathe([(0.018, -0.06), (0.024, 0.0), (0.024, 0.06), (0.028, 0.075), (0.02, 0.085)], 14),
        _K,
        vector(0.03, 0, 0.038),
    )
    return Prop("electric_shaver", [Part(body, colour, "plastic")], Held(vector(0.03, 0.086, 0.038), _K, _F), 52)


def _stick(kind: str, radius: float, low: float, high: float) -> Callable[[np.random.Generator], Prop]:
    def make(rng: np.random.Generator) -> Prop:
        colour = bright(rng) if rng.random() < 0.7 else tone(rng, 0.02, 0.7)
        rod = along(
            lathe([(radius, low), (radius, high), (radius * 0.3, high + 0.012)], 10), _K, vector(0.045, 0, 0.03)
        )
        return Prop(kind, [Part(rod, colour, "plastic")], Held(vector(0.045, high + 0.012, 0.03), _K, _F), 60)

    return make


def _spoon(rng: np.random.Generator) -> Prop:
    steel = tone(rng, 0.4, 0.65)
    rod = box((0.008, 0.16, 0.003), (0.045, 0.04, 0.03))
    bowl = lathe([(0.004, -0.006), (0.018, 0.0), (0.016, 0.001)], 14).moved(
        np.diag([0.8, 1.4, 1.0]), vector(0.045, 0.14, 0.032)
    )
    return Prop("spoon", [Part(joined([rod, bowl]), steel, "metal")], Held(vector(0.045, 0.16, 0.03), _K, _N), 58)


MAKERS: Final[Mapping[str, Callable[[np.random.Generator], Prop]]] = {
    "pistol": _pistol,
    "revolver": _revolver,
    "water_pistol": _water_pistol,
    "hairdryer": _hairdryer,
    "phone": _phone,
    "microphone": _microphone,
    "cup": _cup,
    "bottle": _bottle,
    "comb": _comb,
    "shaver": _shaver,
    "toothbrush": _stick("toothbrush", 0.005, -0.08, 0.11),
    "lipstick": _stick("lipstick", 0.009, -0.03, 0.04),
    "pen": _stick("pen", 0.0045, -0.05, 0.08),
    "spoon": _spoon,
    **BLADES,
}
