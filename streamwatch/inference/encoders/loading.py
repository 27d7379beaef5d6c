"""From a manifest to its encoder: every file is checked, then read, then overlaid by what was tuned."""

import torch

from streamwatch.errors import WeightsError
from streamwatch.inference.arrays import read_arrays
from streamwatch.inference.encoder_table import EncoderTable, check_file
from streamwatch.inference.encoders import efficientnet_lite0
from streamwatch.inference.encoders.base import Encoder, EncoderSpec
from streamwatch.inference.manifest import Manifest


def encoder_spec(manifest: Manifest) -> EncoderSpec:
    """The spec of a manifest's encoder. Raises WeightsError when its input size is not the encoder's."""
    size = manifest.input_size
    if size % 32 or size < 64:
        raise WeightsError(f"{manifest.name}: input_size must be a multiple of 32 from 64 on for {size}")
    return efficientnet_lite0.spec_of(size)


def load_encoder(manifest: Manifest) -> Encoder:
    """The encoder in float32 and eval mode, unfolded, with what was tuned. Raises WeightsError."""
    spec, table = encoder_spec(manifest), manifest.encoder
    files = {name: check_file(file) for name, file in table.files.items()}
    [file] = files.values()
    encoder = efficientnet_lite0.load_efficientnet_lite0(file, spec.input_size)
    _overlay(encoder, table)
    return encoder.eval()


def _overlay(encoder: Encoder, table: EncoderTable) -> None:
    """Puts tuned tensors in the place of the encoder's own of the same name."""
    if table.tuned is None:
        return
    file = check_file(table.tuned)
    own = encoder.state_dict()
    for name, array in read_arrays(file, "the tuned part of an encoder").items():
        if name not in own or own[name].shape != array.shape:
            raise WeightsError(
                f"{file}: {name!r} has no place in {table.architecture}. It was tuned for another encoder"
            )
        own[name].copy_(torch.from_numpy(array).to(own[name].dtype))
