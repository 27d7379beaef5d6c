"""A posed, dressed person with what they hold, as shapes for the renderer."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from training.rendered.clothes import Wardrobe, dress, long_hair
from training.rendered.geometry import Floats, Mesh, along, joined, lathe, normals, vector
from training.rendered.grips import Surface, Volume
from training.rendered.identity import Identity
from training.rendered.paint import paint_cloth, paint_hair, paint_skin, paint_top
from training.rendered.parts import Prop
from training.rendered.rig import Joints, Pose, Rig
from training.rendered.stage import material, rgb, shape, texture
from training.rendered.template import Template

_IRISES: Final = ((0.02, 0.01, 0.006), (0.04, 0.02, 0.01), (0.04, 0.07, 0.12), (0.04, 0.06, 0.03))


@dataclass(slots=True)
class Colours:
    """Paint per texel of each layer; wounds are painted over it."""

    skin: Floats
    layers: dict[str, Floats]


class Actor:
    """One person through a pair of pictures: the same body, clothes and colours in any pose."""

    def __init__(self, template: Template, who: Identity, seed: int, *, eyes_open: bool = True) -> None:
        self.template, self.who, self.eyes_open = template, who, eyes_open
        self.rig = Rig(template, who.rest)
        self._rng = np.random.default_rng([seed, 5])
        self.wardrobe: Wardrobe = dress(template, who, self._rng)
        self.colours = self._paint()
        self._hanging = self._hair()
        self._iris = _IRISES[who.number % len(_IRISES)]

    def joints(self, pose: Pose) -> Joints:
        return self.rig.joints(pose)

    def volume(self, joints: Joints) -> Volume:
        return Volume(self.rig, joints)

    def surface(self, joints: Joints) -> Surface:
        return Surface(self.rig, joints, self.template.faces)

    def shapes(self, joints: Joints) -> dict[str, Any]:
        """Skin, clothes and hair, posed."""
        skin = self.rig.skin(joints, self.who.rest.vertices, self.template.weights)
        made = {"skin": self._cover(skin, self.wardrobe.skin_faces, self.colours.skin, "plastic", 0.45)}
        for layer in self.wardrobe.layers:
            posed = self.rig.skin(joints, layer.vertices, self.template.weights)
            made[layer.name] = self._cover(posed, layer.faces, self.colours.layers[layer.name], "matt", 0.5)
        i = self.rig.names["head"]
        at = joints.place[i] - joints.rotation[i] @ self.rig.rest.heads[i]
        if self.eyes_open:
            made["iris"] = shape(self._irises(at, joints.rotation[i]), material("plastic", rgb(self._iris), 0.1))
        if self._hanging is not None:
            colour = self.who.outfit.top[1] if self.who.style == "cap" else self.who.hair
            mesh = self._hanging.moved(joints.rotation[i], at)
            made["hanging"] = shape(mesh, material("plastic", rgb(colour), 0.4), smooth=True)
        return made

    def _irises(self, at: Floats, rotation: Floats) -> Mesh:
        disc = lathe([(0.0, 0.0), (0.0035, 0.0004), (0.0062, -0.0012)], 12)
        places = [self.rig.head_of(f"eye.{side}") + vector(0, -0.0162, -0.001) for side in ("L", "R")]
        return joined([along(disc, vector(0, -1, 0), p) for p in places]).moved(rotation, at)

    def _cover(self, vertices: Floats, faces: Any, colours: Floats, finish: Any, gloss: float) -> Any:
        t = self.template
        corners = t.corner_faces[faces]
        used, inverse = np.unique(corners, return_inverse=True)
        mesh = Mesh(vertices[t.corner_vertex[used]], inverse.reshape(-1, 3).astype(np.uint32))
        smooth = normals(vertices, t.faces[faces])[t.corner_vertex[used]]
        uv = t.corner_uv[used] * [1, -1] + [0, 1]  # the renderer counts rows from the top
        return shape(mesh, material(finish, texture(t.sheet.picture(colours)), gloss), uv=uv, flat_normals=smooth)

    def _paint(self) -> Colours:
        t, who, rng = self.template, self.who, self._rng
        top = paint_top(t, who, rng)
        bottom = top if who.outfit.dress else paint_cloth(t, who.outfit.bottom, rng)
        hair_colour = who.outfit.top[1] if who.style in ("cap", "scarf", "beanie") else who.hair
        hair = paint_hair if who.style not in ("cap", "scarf", "beanie") else paint_cloth
        layers = {
            "top": top,
            "bottom": bottom,
            "shoes": paint_cloth(t, who.outfit.shoes, rng),
            "hair": hair(t, hair_colour, rng),
        }
        return Colours(paint_skin(t, who, rng), layers)

    def _hair(self) -> Mesh | None:
        v = self.who.rest.vertices[self.template.places.head > 0.9]
        low, high = v.min(0), v.max(0)
        # the head's box: its middle, half its width, depth and height
        return long_hair(self.who, (low + high) / 2, (high - low) / 2, self._rng)


def prop_shapes(prop: Prop, axes: Floats, palm: Floats) -> dict[str, Any]:
    """A prop in a hand whose axes and palm's middle are given."""
    made = {}
    for i, part in enumerate(prop.parts):
        faces = part.mesh.faces if np.linalg.det(axes) > 0 else part.mesh.faces[:, ::-1]
        mesh = Mesh(part.mesh.vertices @ axes.T + palm, faces)
        made[f"prop{i}"] = shape(mesh, material(part.finish, rgb(part.colour), 0.25))
    return made
