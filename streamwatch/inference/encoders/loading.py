"""From a manifest to its encoder: every file is checked, then read, then overlaid by what was tuned."""

from pathlib import Path

import torch

from streamwatch.errors import WeightsError
from streamwatch.inference.arrays import read_arrays
from streamwatch.inference.encoder_table import EncoderTable, FileReference, check_file
from streamwatch.inference.encoders import efficientnet_lite0, siglip2
from streamwatch.inference.encoders.base import Encoder, EncoderSpec
from streamwatch.inference.manifest import Manifest


def encoder_spec(manifest: Manifest) -> EncoderSpec:
    """The spec of a manifest's encoder. Raises WeightsError when its input size is not the encoder's."""
    size = manifest.input_size
    if manifest.encoder.architecture == siglip2.ARCHITECTURE:
        config, steps = (check_file(_file(manifest, name)) for name in (siglip2.CONFIG, siglip2.PREPROCESSOR))
        spec = siglip2.spec_of(config, steps)
        if spec.input_size != size:
            raise WeightsError(f"{manifest.name}: input_size is {size}, that of the encoder is {spec.input_size}")
        return spec
    if size % 32 or size < 64:
        raise WeightsError(f"{manifest.name}: input_size is {size}, this encoder takes multiples of 32 from 64 on")
    return efficientnet_lite0.spec_of(size)


def load_encoder(manifest: Manifest) -> Encoder:
    """The encoder in float32 and eval mode, unfolded, with what was tuned. Raises WeightsError."""
    spec = encoder_spec(manifest)
    files = {name: check_file(file) for name, file in manifest.encoder.files.items()}
    encoder = _read(manifest, spec, files)
    _overlay(encoder, manifest.encoder)
    return encoder.eval()


def _read(manifest: Manifest, spec: EncoderSpec, files: dict[str, Path]) -> Encoder:
    if spec.architecture == siglip2.ARCHITECTURE:
        _file(manifest, siglip2.WEIGHTS)
        return siglip2.load_siglip2(files[siglip2.WEIGHTS].parent, spec)
    [file] = files.values()
    return efficientnet_lite0.load_efficientnet_lite0(file, spec.input_size)


def _file(manifest: Manifest, name: str) -> FileReference:
    if name not in manifest.encoder.files:
        raise WeightsError(f"{manifest.name}: encoder.files does not name {name}. Pull the weights again")
    return manifest.encoder.files[name]


def _overlay(encoder: Encoder, table: EncoderTable) -> None:
    """Puts tuned tensors in the place of the encoder's own of the same name."""
    if table.tuned is None:
        return
    file = check_file(table.tuned)
    own = encoder.state_dict()
    for name, array in read_arrays(file, "the tuned part of an encoder").items():
        if name not in own or own[name].shape != array.shape:
            raise WeightsError(f"{file}: {name!r} has no place in {table.architecture}: tuned for another encoder")
        own[name].copy_(torch.from_numpy(array).to(own[name].dtype))
