"""The bridge to the renderer: meshes, materials, lights and a camera become a scene, a scene becomes linear light."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import drjit as dr
import mitsuba as mi
import numpy as np
import numpy.typing as npt

from training.rendered.geometry import Floats, Mesh, normals
from training.rendered.parts import Colour, Finish

Scene = dict[str, Any]
_CHANNELS: Final = "shape:shape_index"


def start_renderer() -> None:
    """Chooses mitsuba's scalar variant, one thread. Once per process, before anything else here."""
    mi.set_variant("scalar_rgb")
    dr.set_thread_count(1)
    mi.set_log_level(mi.LogLevel.Error)


def rgb(colour: Colour | Floats) -> Scene:
    return {"type": "rgb", "value": [float(c) for c in colour]}


def texture(pixels: npt.NDArray[Any]) -> Scene:
    """A bitmap from (h, w, 3): linear float32, or sRGB uint8."""
    light = (pixels.astype(np.float32) / 255) ** 2.2 if pixels.dtype == np.uint8 else pixels.astype(np.float32)
    return {"type": "bitmap", "bitmap": mi.Bitmap(np.ascontiguousarray(light)), "raw": True}


def material(finish: Finish, reflectance: Scene, gloss: float = 0.3) -> Scene:
    """A two-sided material."""
    if finish == "plastic":
        inner: Scene = {"type": "roughplastic", "diffuse_reflectance": reflectance, "alpha": gloss}
    elif finish == "metal":
        inner = {"type": "principled", "base_color": reflectance, "metallic": 0.85, "roughness": gloss}
    else:
        inner = {"type": "diffuse", "reflectance": reflectance}
    return {"type": "twosided", "bsdf": inner}


def shape(
    mesh: Mesh, bsdf: Scene, *, smooth: bool = False, uv: Floats | None = None, flat_normals: Floats | None = None
) -> Any:
    """A mesh with its material, ready for the scene."""
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict(bsdf)
    if not smooth and flat_normals is None:
        properties["face_normals"] = True
    made = mi.Mesh(
        "mesh",
        vertex_count=len(mesh.vertices),
        face_count=len(mesh.faces),
        has_vertex_normals=smooth or flat_normals is not None,
        has_vertex_texcoords=uv is not None,
        props=properties,
    )
    values = mi.traverse(made)
    values["vertex_positions"] = np.ascontiguousarray(mesh.vertices, np.float32).ravel()
    values["faces"] = np.ascontiguousarray(mesh.faces, np.uint32).ravel()
    if smooth or flat_normals is not None:
        given = flat_normals if flat_normals is not None else normals(mesh.vertices, mesh.faces)
        values["vertex_normals"] = np.ascontiguousarray(given, np.float32).ravel()
    if uv is not None:
        values["vertex_texcoords"] = np.ascontiguousarray(uv, np.float32).ravel()
    values.update()
    return made


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the picture is taken from."""

    eye: Floats
    target: Floats
    fov: float
    up: Floats
    width: int
    height: int


def sensor(camera: Camera, samples: int, seed: int) -> Scene:
    place = mi.ScalarTransform4f().look_at(
        origin=camera.eye.tolist(), target=camera.target.tolist(), up=camera.up.tolist()
    )
    film = {
        "type": "hdrfilm",
        "width": camera.width,
        "height": camera.height,
        "rfilter": {"type": "tent"},
        "pixel_format": "rgb",
        "component_format": "float32",
    }
    sampler = {"type": "multijitter", "sample_count": samples, "seed": seed}
    return {
        "type": "perspective",
        "fov": camera.fov,
        "fov_axis": "smaller",
        "to_world": place,
        "film": film,
        "sampler": sampler,
    }


def light_of(
    things: Mapping[str, Any], camera: Camera, samples: int, seed: int, depth: int = 3
) -> npt.NDArray[np.float32]:
    """(height, width, 3) linear light. The renderer orders lamps as it likes: its noise differs from run to run."""
    integrator = {"type": "path", "max_depth": depth, "hide_emitters": False}
    scene = mi.load_dict(
        {"type": "scene", "integrator": integrator, "sensor": sensor(camera, samples, seed), **things}, parallel=False
    )
    return np.array(mi.render(scene, seed=seed), np.float32)[..., :3]


def coverage(things: Mapping[str, Any], camera: Camera, size: int = 96) -> npt.NDArray[np.int64]:
    """(size, ~size) number of the shape that each pixel shows, from 1 in the order of the scene; 0 is the sky."""
    small = Camera(
        camera.eye, camera.target, camera.fov, camera.up, size, max(8, round(size * camera.height / camera.width))
    )
    integrator = {"type": "aov", "aovs": _CHANNELS}
    eye = sensor(small, 1, 0)
    # the sky's pixels read 0, so shape 0 is a speck far away
    speck: Scene = {"type": "sphere", "center": [0, 0, -1000], "radius": 0.001}
    scene = mi.load_dict(
        {"type": "scene", "integrator": integrator, "sensor": eye, "speck": speck, **things}, parallel=False
    )
    numbers: npt.NDArray[np.int64] = np.rint(np.array(mi.render(scene, spp=1))[..., -1]).astype(np.int64)
    return numbers
