"""A small random SigLIP in the true file format, with a tokenizer made on the spot."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import Siglip2Tokenizer, SiglipConfig, SiglipImageProcessorPil, SiglipModel

from streamwatch.inference.prompts import read_prompts
from streamwatch.inference.sources import known_sources

IMAGE_SIZE = 64
PATCH = 16
CHANNELS = 24
_SPECIAL = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}
PREPROCESSOR = {
    "do_convert_rgb": None, "do_normalize": True, "do_rescale": True, "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5], "image_processor_type": "SiglipImageProcessor", "image_std": [0.5, 0.5, 0.5],
    "processor_class": "SiglipProcessor", "resample": 2, "rescale_factor": 1 / 255,
    "size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
}  # fmt: skip


def all_prompts() -> list[str]:
    """Every prompt of the shipped file."""
    return sorted({prompt for label in read_prompts(known_sources()["siglip2-base"].prompts) for prompt in label.all()})


def write_siglip(folder: Path, texts: Iterable[str] | None = None) -> Path:
    """Config, both towers, preprocessor and tokenizer, as the hub has them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(all_prompts() if texts is None else texts)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(7)
    vision = {"hidden_size": CHANNELS, "image_size": IMAGE_SIZE, "patch_size": PATCH, "intermediate_size": 32}
    text = {"hidden_size": CHANNELS, "vocab_size": len(tokenizer), "intermediate_size": 32, "projection_size": CHANNELS}
    depth = {"num_hidden_layers": 2, "num_attention_heads": 4}
    config = SiglipConfig(vision_config=vision | depth, text_config=text | depth | _SPECIAL)
    model: Any = SiglipModel(config)
    with torch.no_grad():  # random towers of this size say nearly the same of every picture: make them disagree
        for name, tensor in model.named_parameters():
            if tensor.ndim > 1:
                tensor.copy_(torch.randn_like(tensor) * (0.4 if "embedding" in name else 0.3))
        model.logit_scale.fill_(1.7)
        model.logit_bias.fill_(-3.0)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR, indent=2))
    return folder


def library_processor(folder: Path) -> Any:
    """The library's own processor, the one that resizes with Pillow."""
    return SiglipImageProcessorPil.from_pretrained(folder)


def _tokenizer(texts: Iterable[str]) -> Any:
    learner = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    learner.normalizer = normalizers.Replace(" ", "▁")
    learner.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    learner.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=700, special_tokens=special, show_progress=False))
    learnt = json.loads(learner.to_str())["model"]
    return Siglip2Tokenizer(
        vocab=learnt["vocab"], merges=[tuple(pair) for pair in learnt["merges"]], model_max_length=64,
        padding_side="right", model_input_names=["input_ids"],
    )  # fmt: skip
