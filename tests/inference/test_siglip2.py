"""SigLIP 2 from files in its true format: what we compute is what the library computes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import SiglipModel, SiglipVisionConfig

from streamwatch.demo.drawings import gore_scene, harmless_scene
from streamwatch.errors import WeightsError
from streamwatch.inference.encoders.siglip2 import Siglip2, load_siglip2, spec_of
from streamwatch.inference.preprocess import normalise, to_tensor
from streamwatch.inference.sources import find_source, known_sources
from streamwatch.records.frame import Pixels
from tests.inference.tiny_siglip import CHANNELS, IMAGE_SIZE, PATCH, library_processor, write_siglip

SIZES = [(240, 426), (426, 240), (64, 64), (63, 65), (17, 300), (720, 1280), (1, 1)]

# The two small files of the published weights, byte for byte: their hashes are those that are pinned.
REAL_CONFIG = {
    "initializer_factor": 1.0, "model_type": "siglip",
    "text_config": {"model_type": "siglip_text_model", "vocab_size": 256000},
    "transformers_version": "4.49.0.dev0", "vision_config": {"model_type": "siglip_vision_model"},
}  # fmt: skip
REAL_PREPROCESSOR = {
    "do_convert_rgb": None, "do_normalize": True, "do_rescale": True, "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5], "image_processor_type": "SiglipImageProcessor", "image_std": [0.5, 0.5, 0.5],
    "processor_class": "SiglipProcessor", "resample": 2, "rescale_factor": 0.00392156862745098,
    "size": {"height": 224, "width": 224},
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_siglip(tmp_path_factory.mktemp("siglip"), ["a person", "red paint"])


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Siglip2:
    return load_siglip2(folder, spec(folder))


def spec(folder: Path) -> Any:
    return spec_of(folder / "config.json", folder / "preprocessor_config.json")


def picture(height: int, width: int, *, drawn: bool) -> Pixels:
    if drawn:
        scene = (gore_scene if height % 2 else harmless_scene)(9.0, 426, 240)
        return np.asarray(Image.fromarray(scene).resize((width, height)))
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_the_published_files_give_their_sizes_and_have_the_pinned_hashes(tmp_path: Path) -> None:
    pinned = find_source("siglip2-base").files
    for name, content in (("config.json", REAL_CONFIG), ("preprocessor_config.json", REAL_PREPROCESSOR)):
        text = json.dumps(content, indent=2, sort_keys=True) + "\n"
        assert hashlib.sha256(text.encode()).hexdigest() == pinned[name].sha256
        assert len(text) == pinned[name].size
        (tmp_path / name).write_text(text)
    found = spec(tmp_path)
    assert (found.input_size, found.last_channels, found.last_grid) == (224, 768, 14)
    assert (found.middle_channels, found.middle_grid, found.pooled_channels) == (768, 1, 3 * 768)
    assert (found.mean, found.scale, found.resize) == (127.5, 127.5, "pillow-bilinear")


def test_what_config_leaves_out_is_what_the_library_takes() -> None:
    library = SiglipVisionConfig()
    assert (library.image_size, library.patch_size, library.hidden_size) == (224, 16, 768)
    assert library.num_channels == 3
    assert library.vision_use_head is not False


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_preprocessing_is_the_librarys_to_the_pixel(folder: Path, height: int, width: int, drawn: bool) -> None:
    one = picture(height, width, drawn=drawn)
    ours = to_tensor([one], IMAGE_SIZE, spec(folder).resize)
    theirs = library_processor(folder)(Image.fromarray(one), return_tensors="pt")["pixel_values"]
    assert torch.equal(ours, ((theirs * 0.5 + 0.5) * 255).round().to(torch.uint8))
    assert torch.allclose(normalise(ours, torch.float32, spec(folder)), theirs, atol=1e-6)


@pytest.mark.parametrize("resample", [0, 1, 3])
def test_other_filters_are_the_librarys_too(folder: Path, tmp_path: Path, resample: int) -> None:
    steps = json.loads((folder / "preprocessor_config.json").read_text()) | {"resample": resample}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(steps))
    one = picture(240, 426, drawn=False)
    found = spec_of(folder / "config.json", tmp_path / "preprocessor_config.json").resize
    theirs = library_processor(tmp_path)(Image.fromarray(one), return_tensors="pt")["pixel_values"]
    ours = to_tensor([one], IMAGE_SIZE, found)
    assert torch.equal(ours, ((theirs * 0.5 + 0.5) * 255).round().to(torch.uint8))
    assert not torch.equal(ours, to_tensor([one], IMAGE_SIZE, "pillow-bilinear"))


def test_maps_are_the_librarys(folder: Path, encoder: Siglip2) -> None:
    pixels = torch.randn((2, 3, IMAGE_SIZE, IMAGE_SIZE), generator=torch.Generator().manual_seed(0))
    whole: Any = SiglipModel.from_pretrained(folder, local_files_only=True).eval()
    with torch.inference_mode():
        ours, theirs = encoder(pixels), whole.vision_model(pixel_values=pixels)
        embedding = whole.get_image_features(pixel_values=pixels).pooler_output
    grid = IMAGE_SIZE // PATCH
    assert ours.last.shape == (2, CHANNELS, grid, grid)
    assert ours.middle.shape == (2, CHANNELS, 1, 1)
    assert torch.allclose(ours.last[1, :, 2, 3], theirs.last_hidden_state[1, 2 * grid + 3], atol=1e-5)
    assert torch.allclose(ours.middle[:, :, 0, 0], embedding, atol=1e-5)


def test_a_traced_tower_takes_batches_of_any_size(encoder: Siglip2) -> None:
    """Engines trace it on an example; nothing of the example's size may stay in it."""
    several = torch.randn((5, 3, IMAGE_SIZE, IMAGE_SIZE), generator=torch.Generator().manual_seed(2))
    trace: Any = torch.jit.trace
    with torch.inference_mode():
        traced = trace(encoder, several[:2], strict=False)
        found, plain = traced(several), encoder(several)
    assert torch.allclose(found[0], plain.last, atol=1e-5)
    assert torch.allclose(found[1], plain.middle, atol=1e-5)


def test_only_the_image_tower_is_loaded(folder: Path, encoder: Siglip2) -> None:
    stored = load_file(folder / "model.safetensors")
    image = sum(tensor.numel() for name, tensor in stored.items() if name.startswith("vision_model."))
    assert sum(parameter.numel() for parameter in encoder.parameters()) == image
    assert image < sum(tensor.numel() for tensor in stored.values())
    assert encoder.fold() is encoder


def test_a_checkpoint_that_lacks_a_tensor_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    stored = load_file(folder / "model.safetensors")
    gone = next(name for name in stored if name.startswith("vision_model.") and "post_layernorm" in name)
    save_file({name: t for name, t in stored.items() if name != gone}, tmp_path / "model.safetensors", {"format": "pt"})
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(WeightsError, match=r"no fitting '.*post_layernorm"):
        load_siglip2(tmp_path, spec(folder))


def test_a_damaged_checkpoint_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-9])
    with pytest.raises(WeightsError, match=r"model\.safetensors: cannot be read as a SigLIP 2"):
        load_siglip2(tmp_path, spec(folder))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("config.json", {"model_type": "siglip2"}, "model_type is 'siglip2'"),
        ("config.json", {"vision_config": {"image_size": 96}}, "its size is not the 96 x 96"),
        ("config.json", {"vision_config": {"vision_use_head": False}}, "pooling head"),
        ("config.json", {"vision_config": {"image_size": "wide"}}, "not the files of a SigLIP 2"),
        ("preprocessor_config.json", {"image_mean": [0.4, 0.5, 0.6]}, "each channel differently"),
        ("preprocessor_config.json", {"do_resize": False}, "its size is not"),
        ("preprocessor_config.json", {"resample": 9}, "not the files of a SigLIP 2"),
    ],
)
def test_files_that_ask_for_something_else_are_refused(
    folder: Path, tmp_path: Path, name: str, change: dict[str, Any], message: str
) -> None:
    for file in ("config.json", "preprocessor_config.json"):
        content = json.loads((folder / file).read_text())
        (tmp_path / file).write_text(json.dumps(content | (change if file == name else {})))
    with pytest.raises(WeightsError, match=message):
        spec(tmp_path)


def test_a_file_that_is_no_json_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json: cannot be read as JSON"):
        spec_of(tmp_path / "config.json", folder / "preprocessor_config.json")


def test_a_source_is_pinned_to_a_full_revision_and_full_hashes() -> None:
    for source in known_sources().values():
        assert len(source.revision) == 40
        assert {len(file.sha256 or "") for file in source.files.values()} == {64}
        assert all(file.size for file in source.files.values())
