"""Beds, sofas, desks, shelves, pictures and what else stands in rooms, from boxes and turned shapes."""

from typing import Any

import mitsuba as mi
import numpy as np
import numpy.typing as npt

from training.rendered import surfaces
from training.rendered.geometry import Floats, Mesh, box, joined, lathe, prism, turn, vector
from training.rendered.parts import bright
from training.rendered.stage import Scene, material, rgb, shape, texture

Things = dict[str, Any]


def block(size: tuple[float, float, float], at: Floats, colour: Floats, *, finish: Any = "matt") -> Any:
    """A plain box."""
    return shape(box(size, at.tolist()), material(finish, rgb(colour)))


def cloth(pixels: npt.NDArray[np.float32], repeat: float = 1.0) -> Scene:
    image = texture(pixels)
    image["to_uv"] = mi.ScalarTransform4f().scale([repeat, repeat, 1])
    return material("matt", image)


def bed(rng: np.random.Generator, top: float, *, long: float = 2.1, wide: float = 1.4) -> Things:
    """A bed around the origin, its head towards +y; the mattress ends at height ``top``."""
    wood = surfaces.muted(rng, 0.05, 0.5)
    made: Things = {"mattress": _padded((wide, long, 0.22), top - 0.11, surfaces.fabric(rng), rng)}
    made["frame"] = block((wide + 0.08, long + 0.06, max(0.08, top - 0.22)), vector(0, 0, (top - 0.22) / 2), wood)
    made["headboard"] = block((wide + 0.1, 0.06, top + 0.4), vector(0, long / 2 + 0.05, (top + 0.4) / 2), wood)
    return made


def pillow(rng: np.random.Generator, at: Floats, size: tuple[float, float, float] = (0.6, 0.4, 0.13)) -> Things:
    """A pillow whose underside lies at ``at``."""
    x, y, z = size
    return {"pillow": _padded((x, y, z), at[2] + z / 2, surfaces.fabric(rng), rng, at)}


def sofa(rng: np.random.Generator, top: float, *, long: float = 2.0) -> Things:
    """A sofa along y around the origin, its back towards +x."""
    stuff = (
        surfaces.fabric(rng)
        if rng.random() < 0.4
        else np.tile(surfaces.muted(rng, 0.04, 0.6), (4, 4, 1)).astype(np.float32)
    )
    made = {"cushion": _padded((0.85, long, 0.2), top - 0.1, stuff, rng)}
    parts = [
        box((0.9, long, top - 0.2), (0, 0, (top - 0.2) / 2)),
        box((0.2, long + 0.36, top + 0.42), (0.5, 0, (top + 0.42) / 2)),
    ]
    parts += [box((0.9, 0.18, top + 0.2), (0.02, s * (long / 2 + 0.09), (top + 0.2) / 2)) for s in (-1, 1)]
    made["sofa_body"] = shape(joined(parts), material("matt", rgb(stuff.mean((0, 1)).astype(float))))
    return made


def mat(rng: np.random.Generator, size: tuple[float, float], *, thick: float = 0.01) -> Things:
    """A yoga mat or towel on the floor around the origin."""
    stuff = (
        surfaces.fabric(rng)
        if rng.random() < 0.5
        else np.tile(np.array(bright(rng)) * 0.7, (4, 4, 1)).astype(np.float32)
    )
    return {"mat": _papered_box((size[0], size[1], thick), vector(0, 0, thick / 2), stuff)}


def lounger(rng: np.random.Generator, top: float) -> Things:
    """A sun lounger around the origin."""
    frame = surfaces.muted(rng, 0.3, 0.8)
    made = {"bedding": _padded((0.66, 2.0, 0.08), top - 0.04, surfaces.fabric(rng), rng)}
    legs = [box((0.04, 0.04, top - 0.08), (x, y, (top - 0.08) / 2)) for x in (-0.3, 0.3) for y in (-0.85, 0.85)]
    made["lounger_frame"] = shape(
        joined([box((0.7, 2.02, 0.03), (0, 0, top - 0.09)), *legs]), material("plastic", rgb(frame))
    )
    return made


def stairs(rng: np.random.Generator, rise: float, tread: float, count: int = 12, wide: float = 2.2) -> Things:
    """Steps that climb towards +y through the origin."""
    parts = [
        box((wide, tread, rise * (count + i + 1)), (0, (i + 0.5) * tread, rise * (i + 1) - rise * (count + i + 1) / 2))
        for i in range(-count, count)
    ]
    made: Things = {"stairs": shape(joined(parts), material("matt", rgb(surfaces.muted(rng, 0.15, 0.6))))}
    made["stair_wall"] = block(
        (0.1, tread * 2 * count, 6), vector(wide / 2 + 0.05, 0, 0), surfaces.muted(rng, 0.3, 0.8)
    )
    return made


def counter(rng: np.random.Generator, high: float, distance: float, *, board: bool) -> Things:
    """A desk or kitchen top in front of the person."""
    top = _papered_box(
        (rng.uniform(1.2, 2.0), 0.55, 0.035), vector(0, -distance - 0.2, high - 0.018), surfaces.boards(rng)
    )
    made: Things = {"desk_top": top}
    made["desk_under"] = block(
        (1.2, 0.45, high - 0.06), vector(0, -distance - 0.2, (high - 0.06) / 2), surfaces.muted(rng)
    )
    if board:
        made["board"] = block(
            (0.3, 0.2, 0.018), vector(0, -distance - 0.12, high + 0.009), np.array([0.45, 0.28, 0.14])
        )
        colour = np.array(
            [(0.1, 0.35, 0.05), (0.5, 0.05, 0.03), (0.7, 0.35, 0.03), (0.6, 0.5, 0.3)][int(rng.integers(4))]
        )
        for n in range(int(rng.integers(1, 4))):
            ball = lathe([(0.0, 0.0), (0.022, 0.008), (0.028, 0.028), (0.02, 0.048), (0.0, 0.055)], 12)
            at = vector(rng.uniform(-0.11, 0.11), -distance - rng.uniform(0.06, 0.2), high + 0.018)
            made[f"food{n}"] = shape(
                ball.moved(np.diag([1, rng.uniform(0.8, 1.8), 1]), at), material("plastic", rgb(colour)), smooth=True
            )
    return made


def blanket(rng: np.random.Generator, body: Floats, low: float, until: float) -> Things:
    """A cover that falls over the part of a lying body (vertices) beyond y < until, down to the height ``low``."""
    body = body[body[:, 1] < until]
    if len(body) < 50:
        return {}
    (x0, y0), (x1, y1) = body[:, :2].min(0) - 0.12, body[:, :2].max(0) + vector(0.12, 0.0)
    cells = 44
    i = np.clip(((body[:, 0] - x0) / (x1 - x0) * cells).astype(int), 0, cells - 1)
    j = np.clip(((body[:, 1] - y0) / (y1 - y0) * cells).astype(int), 0, cells - 1)
    high = np.full((cells, cells), low)
    np.maximum.at(high, (i, j), body[:, 2])
    for _ in range(5):
        padded = np.pad(high, 1, mode="edge")
        around = np.stack([padded[a : a + cells, b : b + cells] for a in range(3) for b in range(3)])
        high = np.maximum(high, around.mean(0)) if _ < 3 else around.mean(0) + 0.004
    high += 0.03 + 0.006 * surfaces.blotches(rng, cells, (8, 14))
    gx, gy = np.meshgrid(np.linspace(x0, x1, cells), np.linspace(y0, y1, cells), indexing="ij")
    n = np.arange(cells * cells).reshape(cells, cells)
    a, b, c, d = (n[s].ravel() for s in (np.s_[:-1, :-1], np.s_[1:, :-1], np.s_[1:, 1:], np.s_[:-1, 1:]))
    faces = np.vstack([np.column_stack([a, b, c]), np.column_stack([a, c, d])]).astype(np.uint32)
    uv = np.column_stack([gx.ravel(), gy.ravel()])
    mesh = Mesh(np.column_stack([gx.ravel(), gy.ravel(), high.ravel()]), faces)
    return {"blanket": shape(mesh, cloth(surfaces.fabric(rng), 1.0), smooth=True, uv=uv)}


def framed(pixels: npt.NDArray[np.uint8], rng: np.random.Generator, half: float, back: float, high: float) -> Things:
    """A photograph in a frame on the back wall."""
    wide = rng.uniform(0.25, 0.6)
    tall = wide * pixels.shape[0] / pixels.shape[1]
    at = vector(rng.uniform(-0.7, 0.7) * half, back - 0.025, min(high - tall - 0.1, rng.uniform(1.3, 1.8)))
    corners = np.array([[-wide, 0, -tall], [wide, 0, -tall], [wide, 0, tall], [-wide, 0, tall]]) + at
    mesh = Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.uint32))
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float64)
    image = texture(pixels)
    made: Things = {"photo": shape(mesh, material("matt", image), uv=uv)}
    made["photo_frame"] = block(
        (2 * wide + 0.06, 0.02, 2 * tall + 0.06), at + vector(0, 0.015, 0), surfaces.muted(rng, 0.02, 0.5)
    )
    return made


def seat(rng: np.random.Generator, top: float, facing: float) -> Things:
    """A chair or stool under somebody who sits at the origin."""
    colour = surfaces.muted(rng, 0.02, 0.6)
    spin = turn(vector(0, 0, 1), facing)
    parts = [
        box((0.46, 0.44, 0.06), (0, -0.06, top - 0.03)),
        box((0.08, 0.08, top), (0, 0, top / 2)),
        box((0.5, 0.5, 0.04), (0, 0, 0.03)),
    ]
    if rng.random() < 0.7:
        parts.append(box((0.44, 0.05, rng.uniform(0.35, 0.6)), (0, 0.26, top + 0.3)))
    return {"seat": shape(joined(parts).moved(spin, vector(0, 0, 0)), material("plastic", rgb(colour), 0.5))}


def clutter(kind: str, rng: np.random.Generator, half: float, back: float, *, deep: bool) -> Things:
    """What stands along the back wall of a room of this kind."""
    made: Things = {}
    places = [x for x in np.arange(-half + 0.45, half - 0.3, 0.9) if rng.random() < 0.65]
    for n, x in enumerate(places):
        choice = rng.random()
        if choice < 0.35:
            made.update(_shelf(rng, float(x), back, f"shelf{n}"))
        elif choice < 0.6:
            tall = rng.uniform(0.5, 2.1)
            made[f"cupboard{n}"] = block(
                (0.8, 0.4, tall), vector(x, back - 0.2, tall / 2), surfaces.muted(rng, 0.05, 0.8)
            )
        elif choice < 0.8:
            made[f"curtain{n}"] = _curtain(rng, float(x), back)
        else:
            made[f"plant{n}"] = _plant(rng, float(x), back)
    if kind in ("streamer", "office") and not deep and rng.random() < 0.7:
        made["chair"] = shape(_chair(rng), material("plastic", rgb(surfaces.muted(rng, 0.02, 0.5)), 0.5))
    return made


def _chair(rng: np.random.Generator) -> Mesh:
    tall = rng.uniform(0.55, 0.8)
    outline = [(0.27, 0.0), (0.3, tall * 0.7), (0.18, tall), (-0.18, tall), (-0.3, tall * 0.7), (-0.27, 0.0)]
    return prism(outline, -0.05, 0.05).moved(turn(vector(1, 0, 0), 90), vector(0, 0.24, 0.62))


def _shelf(rng: np.random.Generator, x: float, back: float, name: str) -> Things:
    made: Things = {}
    tall = rng.uniform(1.2, 2.2)
    wood = surfaces.muted(rng, 0.05, 0.6)
    levels = np.arange(0.25, tall, 0.36)
    boards = [box((0.84, 0.28, 0.025), (x, back - 0.15, z)) for z in levels]
    boards += [box((0.025, 0.28, tall), (x + s * 0.42, back - 0.15, tall / 2)) for s in (-1, 1)]
    made[name] = shape(joined(boards), material("matt", rgb(wood)))
    colours = [np.array(bright(rng)) * rng.uniform(0.1, 0.7) for _ in range(4)]
    books: list[list[Mesh]] = [[] for _ in colours]
    for z in levels[:-1]:
        at = x - 0.38
        while at < x + 0.3:
            wide, high = rng.uniform(0.02, 0.06), rng.uniform(0.16, 0.3)
            if rng.random() < 0.8:
                books[int(rng.integers(4))].append(
                    box((wide * 0.92, 0.18, high), (at + wide / 2, back - 0.17, z + 0.012 + high / 2))
                )
            at += wide
    for i, group in enumerate(books):
        if group:
            made[f"{name}_books{i}"] = shape(joined(group), material("matt", rgb(colours[i])))
    return made


def _curtain(rng: np.random.Generator, x: float, back: float) -> Any:
    t = np.linspace(-0.4, 0.4, 60)
    y = back - 0.08 + 0.03 * np.sin(t * rng.uniform(40, 80))
    rows = [np.column_stack([x + t, y, np.full(60, z)]) for z in (0.05, 2.25)]
    i = np.arange(59)
    faces = np.vstack([np.column_stack([i, i + 1, i + 60]), np.column_stack([i + 1, i + 61, i + 60])]).astype(np.uint32)
    return shape(Mesh(np.vstack(rows), faces), material("matt", rgb(surfaces.muted(rng))), smooth=True)


def _plant(rng: np.random.Generator, x: float, back: float) -> Any:
    leaves = []
    for _ in range(40):
        along_, up = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.2)
        out = rng.uniform(0.1, 0.3)
        tip = vector(x + out * np.cos(along_), back - 0.32 + out * np.sin(along_), up)
        root = vector(x, back - 0.32, up - 0.25)
        across = vector(-np.sin(along_), np.cos(along_), 0) * 0.03
        corners = np.array([root, (root + tip) / 2 + across, tip, (root + tip) / 2 - across])
        leaves.append(Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.uint32)))
    return shape(joined(leaves), material("plastic", rgb((0.03, rng.uniform(0.08, 0.2), 0.03)), 0.4))


def _padded(
    size: tuple[float, float, float],
    middle: float,
    pixels: npt.NDArray[np.float32],
    rng: np.random.Generator,
    at: Floats | None = None,
) -> Any:
    """A cushion: a box with swollen faces."""
    n = 14
    u, v = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n), indexing="ij")
    edge = (1 - u**4) * (1 - v**4)
    x0, y0 = (0.0, 0.0) if at is None else (at[0], at[1])
    sheets, uvs = [], []
    for s in (1, -1):
        z = middle + s * size[2] / 2 * (0.35 + 0.65 * edge**0.35) + 0.004 * surfaces.blotches(rng, n, (4,))
        sheets.append(np.column_stack([x0 + u.ravel() * size[0] / 2, y0 + v.ravel() * size[1] / 2, z.ravel()]))
        uvs.append(np.column_stack([u.ravel(), v.ravel()]))
    k = np.arange(n * n).reshape(n, n)
    a, b, c, d = (k[s].ravel() for s in (np.s_[:-1, :-1], np.s_[1:, :-1], np.s_[1:, 1:], np.s_[:-1, 1:]))
    top = np.vstack([np.column_stack([a, b, c]), np.column_stack([a, c, d])])
    rim = np.concatenate([k[0, :], k[1:, -1], k[-1, -2::-1], k[-2:0:-1, 0]])
    nxt = np.roll(rim, -1)
    side = np.vstack([np.column_stack([rim, rim + n * n, nxt]), np.column_stack([nxt, rim + n * n, nxt + n * n])])
    faces = np.vstack([top, top[:, ::-1] + n * n, side]).astype(np.uint32)
    return shape(Mesh(np.vstack(sheets), faces), cloth(pixels), smooth=True, uv=np.vstack(uvs))


def _papered_box(size: tuple[float, float, float], at: Floats, pixels: npt.NDArray[np.float32]) -> Any:
    mesh = box(size, at.tolist())
    uv = (mesh.vertices[:, :2] - at[:2]) / max(size[0], size[1]) + 0.5
    return shape(mesh, cloth(pixels), uv=uv)
