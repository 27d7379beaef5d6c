"""Sets heads for rendered people beside heads that are trained already, without changing what those say."""

from collections.abc import Sequence
from typing import Final

import torch

from streamwatch.inference.heads import Heads

_SEEN: Final = ("pooled_mean", "pooled_scale", "last_scale", "middle_scale")


def blank_beside(base: Heads, labels: tuple[str, ...], hidden: int) -> Heads:
    """Untrained heads that see the encoder's maps as ``base`` does, so that both can be merged."""
    heads = Heads(labels, base.spec, hidden)
    for name in _SEEN:
        getattr(heads, name).copy_(getattr(base, name))
    return heads


def averaged(several: Sequence[Heads]) -> Heads:
    """One module whose logits, place by place, are the mean of several that were fitted from other random starts."""
    first = several[0]
    mean = blank_beside(first, first.labels, sum(heads.hidden for heads in several))
    with torch.no_grad():
        for name in ("pooled_in", "dense_last", "dense_middle"):
            parts, joint = [getattr(heads, name) for heads in several], getattr(mean, name)
            joint.weight.copy_(torch.cat([part.weight for part in parts]))
            joint.bias.copy_(torch.cat([part.bias for part in parts]))
        for name in ("pooled_out", "dense_out"):
            parts, joint = [getattr(heads, name) for heads in several], getattr(mean, name)
            joint.weight.copy_(torch.cat([part.weight for part in parts], dim=1) / len(parts))
            joint.bias.copy_(torch.stack([part.bias for part in parts]).mean(0))
    return mean.eval()


def merged(base: Heads, added: Heads) -> Heads:
    """One module with the labels of both, in eval mode; where both have a label it is the added one's.

    Every label keeps the hidden units that it had, so it says what it said before. ValueError unless both see the
    encoder's maps alike (``blank_beside``).
    """
    if base.spec != added.spec or not all(torch.equal(getattr(base, name), getattr(added, name)) for name in _SEEN):
        raise ValueError("the heads do not see the encoder's maps alike")
    kept = [i for i, label in enumerate(base.labels) if label not in added.labels]
    labels = (*(base.labels[i] for i in kept), *added.labels)
    both = blank_beside(base, labels, base.hidden + added.hidden)
    with torch.no_grad():
        both.join.copy_(torch.cat([base.join[kept], added.join]))
        for name in ("pooled_in", "dense_last", "dense_middle"):
            first, second, joint = (getattr(heads, name) for heads in (base, added, both))
            joint.weight.copy_(torch.cat([first.weight, second.weight]))
            joint.bias.copy_(torch.cat([first.bias, second.bias]))
        for name in ("pooled_out", "dense_out"):
            first, second, joint = (getattr(heads, name) for heads in (base, added, both))
            joint.weight.zero_()
            joint.weight[: len(kept), : base.hidden] = first.weight[kept]
            joint.weight[len(kept) :, base.hidden :] = second.weight
            joint.bias.copy_(torch.cat([first.bias[kept], second.bias]))
    return both.eval()
