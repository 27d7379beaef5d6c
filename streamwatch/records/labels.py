"""The two models and their labels, as the dotted paths used everywhere (config, metrics, alerts, API)."""

from typing import Final, Literal

Coverage = Literal["measured", "proxy", "unsupported"]

MODELS: Final[tuple[str, ...]] = ("self-harm", "gore-2.0")

RESULT_KEYS: Final[dict[str, str]] = {"self-harm": "self-harm", "gore-2.0": "gore"}
"""Model name -> key of its object in results."""

GORE_CLASSES: Final[tuple[str, ...]] = (
    "very_bloody",
    "slightly_bloody",
    "body_organ",
    "serious_injury",
    "superficial_injury",
    "corpse",
    "skull",
    "unconscious",
    "body_waste",
    "other",
)

LABELS_OF: Final[dict[str, tuple[str, ...]]] = {
    "self-harm": (
        "self-harm.prob",
        "self-harm.type.real",
        "self-harm.type.fake",
        "self-harm.type.animated",
    ),
    "gore-2.0": (
        "gore.prob",
        *(f"gore.classes.{name}" for name in GORE_CLASSES),
        "gore.type.animated",
        "gore.type.fake",
        "gore.type.real",
    ),
}

LABELS: Final[tuple[str, ...]] = tuple(label for model in MODELS for label in LABELS_OF[model])

MODEL_OF: Final[dict[str, str]] = {label: model for model in MODELS for label in LABELS_OF[model]}
