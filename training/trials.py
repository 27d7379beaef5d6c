"""What the starter weights are asked on held-out pictures, and which labels the answers may support."""

from typing import Final

from streamwatch.learning.evaluation import Trial

LABELS: Final = (
    "very_bloody",
    "slightly_bloody",
    "skull",
    "body_organ",
    "body_waste",
    "other",
    "self_harm",
    "drawing",
)
EMOJI: Final = ("fluent-emoji", "openmoji")
HARMLESS: Final = ("plain_photo", "paint_on_photo", "drawn_paint", "drawn_twin", "plain_scene")
_SYMBOLS: Final = ("symbol", "plain_symbol")
_DRAWN_BLOOD: Final = ("drawn_blood", "drawn_skull_and_blood")

TRIALS: Final = (
    Trial("skull: emoji of other artists", "skull", ("symbol",), _SYMBOLS, EMOJI),
    Trial("skull: own drawings of other styles", "skull", ("drawn_skull", "drawn_skull_and_blood"), HARMLESS),
    Trial(
        "much blood: other shapes on other photographs",
        "very_bloody",
        ("blood_on_photo",),
        ("plain_photo", "paint_on_photo"),
    ),
    Trial(
        "much blood: other shapes in other drawings",
        "very_bloody",
        _DRAWN_BLOOD,
        ("drawn_paint", "drawn_twin", "plain_scene"),
    ),
    Trial(
        "little blood: other shapes on other photographs",
        "slightly_bloody",
        ("blood_on_photo",),
        ("plain_photo", "paint_on_photo"),
    ),
    Trial(
        "little blood: other shapes in other drawings",
        "slightly_bloody",
        _DRAWN_BLOOD,
        ("drawn_paint", "drawn_twin", "plain_scene"),
    ),
    Trial("organ: emoji of other artists", "body_organ", ("symbol",), _SYMBOLS, EMOJI),
    Trial("body waste: emoji of other artists", "body_waste", ("symbol",), _SYMBOLS, EMOJI),
    Trial("graves and horror figures: emoji of other artists", "other", ("symbol",), _SYMBOLS, EMOJI),
    Trial(
        "drawing or photograph", "drawing", ("plain_scene", "drawn_twin", "drawn_skull", *_SYMBOLS), ("plain_photo",)
    ),
    Trial(
        "self-harm: weapon aimed at a face or turned away",
        "self_harm",
        ("self_harm_aimed",),
        ("self_harm_turned_away", "self_harm_far"),
    ),
    Trial(
        "self-harm: weapon aimed or another object",
        "self_harm",
        ("self_harm_aimed",),
        ("self_harm_other_object", "self_harm_face_only"),
    ),
)

SUPPORT: Final = {
    "gore.classes.very_bloody": "very_bloody",
    "gore.classes.slightly_bloody": "slightly_bloody",
    "gore.classes.body_organ": "body_organ",
    "gore.classes.skull": "skull",
    "gore.classes.body_waste": "body_waste",
    "gore.classes.other": "other",
    "self-harm.prob": "self_harm",
}
"""Label of the contract -> trained label that may support it."""

LEAST_AUC: Final = 0.8
LEAST_LOW: Final = 0.7
"""A label is supported when each of its trials reaches LEAST_AUC with the interval's lower end above LEAST_LOW."""

PARTS: Final = ("very_bloody", "slightly_bloody", "skull", "body_organ")
"""Classes that may count for gore.prob. Poop emoji and ghosts are what ``body_waste`` and ``other`` learnt from: too
mild to raise an alarm; they keep their own numbers, and an operator may set thresholds on them."""

SCOPE: Final = {
    "very_bloody": "painted blood on photographs and in drawings; no real blood was ever shown",
    "slightly_bloody": "small painted stains on photographs and in drawings; no real blood was ever shown",
    "body_organ": "drawn symbols of hearts, brains, lungs; no photograph of an organ was ever shown",
    "skull": "drawn skulls and skeletons; no photograph of a real skull was ever shown",
    "body_waste": "emoji and symbols of vomiting and excrement; no photograph was ever shown",
    "other": "emoji and symbols of graves, ghosts and horror figures; no photograph was ever shown",
    "self_harm": "drawn faces with a pistol aimed at them",
}
NO_DATA: Final = {
    "gore.classes.serious_injury": "no licensed pictures to learn from or test on",
    "gore.classes.superficial_injury": "no licensed pictures to learn from or test on",
    "gore.classes.corpse": "a few game sprites only, none of them held out: not measured, so not claimed",
    "gore.classes.unconscious": "no licensed pictures to learn from or test on",
    "gore.type.fake": "no licensed pictures to learn from or test on",
    "gore.type.real": "no licensed pictures to learn from or test on",
    "self-harm.type.real": "no licensed pictures to learn from or test on",
    "self-harm.type.fake": "no licensed pictures to learn from or test on",
    "self-harm.type.animated": "needs self-harm.prob",
}
