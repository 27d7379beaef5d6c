"""What the starter weights are asked on held-out pictures, what is aimed at, and which labels the answers support."""

from typing import Final

from streamwatch.learning.evaluation import Trial
from training.icon_names import SPLIT_OF_SET

LABELS: Final = (
    "very_bloody",
    "slightly_bloody",
    "skull",
    "body_organ",
    "body_waste",
    "superficial_injury",
    "serious_injury",
    "other",
    "self_harm",
    "drawing",
)
BLOOD: Final = "blood"
"""Not trained: much or little of it. Its score is the higher of both, its truth is either."""
OF_BLOOD: Final = ("very_bloody", "slightly_bloody")
PLAIN: Final = ("plain_photo", "plain_scene", "plain_symbol")
"""What ordinary footage is made of: decides the threshold at a strict rate."""
HARD: Final = ("red_photo", "paint_on_photo", "drawn_paint", "drawn_twin", "drawn_figure_living")
"""Made to look like gore without being it; far rarer on streams, so a looser rate is allowed."""
_ICONS: Final = (*(name for name, split in SPLIT_OF_SET.items() if split == "test"), "openclipart")
_EMOJI: Final = ("openmoji", "openclipart")
_SYMBOLS: Final = ("symbol", "plain_symbol")
_ON_PHOTO: Final = ("plain_photo", "red_photo", "paint_on_photo")
_DRAWN_BLOOD: Final = ("drawn_blood", "drawn_skull_and_blood")
_DRAWN_PLAIN: Final = ("drawn_paint", "drawn_twin", "plain_scene")

TRIALS: Final = (
    Trial("much blood: other shapes on other photographs", "very_bloody", ("blood_on_photo",), _ON_PHOTO,
          aim=0.95, aim_recall=0.5),
    Trial("any blood: other shapes on other photographs", BLOOD, ("blood_on_photo",), _ON_PHOTO,
          aim=0.95, aim_recall=0.5),
    Trial("any blood: other shapes, against plain photographs only", BLOOD, ("blood_on_photo",), ("plain_photo",),
          decides=False),
    Trial("any blood: other artists' stains on other photographs", BLOOD, ("stain_on_photo",), _ON_PHOTO,
          aim=0.95, aim_recall=0.5),
    Trial("much blood: other shapes in other drawings", "very_bloody", _DRAWN_BLOOD, _DRAWN_PLAIN),
    Trial("any blood: other artists' stains in other drawings", BLOOD, ("stain_in_drawing",), _DRAWN_PLAIN),
    Trial("little blood: other shapes on other photographs", "slightly_bloody", ("blood_on_photo",), _ON_PHOTO),
    Trial("little blood: other shapes in other drawings", "slightly_bloody", _DRAWN_BLOOD, _DRAWN_PLAIN),
    Trial("skull: emoji and clip art of other artists", "skull", ("symbol",), _SYMBOLS, _EMOJI, aim=0.95,
          decides=False),  # a part of the next one
    Trial("skull: line icons and emoji of other artists, any colour on any ground", "skull", ("symbol",), _SYMBOLS,
          _ICONS, aim=0.95),
    Trial("skull: whole small figures of another game", "skull", ("unit_skeleton",), ("unit_living",),
          aim=0.80, decides=False),
    Trial("skull: own drawings of other styles", "skull", ("drawn_skull", "drawn_skull_and_blood"),
          ("plain_photo", "red_photo", *_DRAWN_PLAIN)),
    Trial("organ: icons and emoji of other artists", "body_organ", ("symbol",), _SYMBOLS, _ICONS, aim=0.90),
    Trial("body waste: icons and emoji of other artists", "body_waste", ("symbol",), _SYMBOLS, _ICONS, aim=0.90),
    Trial("bandaged injury: icons and emoji of other artists", "superficial_injury", ("symbol",), _SYMBOLS, _ICONS,
          aim=0.90),
    Trial("graves and horror figures: icons and emoji of other artists", "other", ("symbol",), _SYMBOLS, _ICONS),
    Trial("drawing or photograph", "drawing",
          ("plain_scene", "drawn_twin", "drawn_skull", "unit_living", *_SYMBOLS), ("plain_photo",)),
    Trial("self-harm: weapon aimed at a face or turned away", "self_harm", ("self_harm_aimed",),
          ("self_harm_turned_away", "self_harm_far"), aim=0.80),
    Trial("self-harm: weapon aimed or another object", "self_harm", ("self_harm_aimed",),
          ("self_harm_other_object", "self_harm_face_only"), aim=0.80),
)  # fmt: skip

SUPPORT: Final = {
    "gore.classes.very_bloody": "very_bloody",
    "gore.classes.slightly_bloody": "slightly_bloody",
    "gore.classes.body_organ": "body_organ",
    "gore.classes.skull": "skull",
    "gore.classes.superficial_injury": "superficial_injury",
    "gore.classes.body_waste": "body_waste",
    "gore.classes.other": "other",
    "self-harm.prob": "self_harm",
}
"""Label of the contract -> trained label that may support it."""

LEAST_AUC: Final = 0.8
LEAST_LOW: Final = 0.7
"""A label is supported when each of its deciding trials reaches LEAST_AUC with the interval's lower end above
LEAST_LOW."""
LEAST_ARTWORKS: Final = 5
"""Positive artworks of a deciding trial, below which there is no evidence."""

PARTS: Final = ("very_bloody", "slightly_bloody", "skull", "body_organ")
"""Classes that may count for gore.prob. Poop emoji, plasters and ghosts are what ``body_waste``,
``superficial_injury`` and ``other`` learnt from: too mild to raise an alarm; they keep their own numbers, and an
operator may set thresholds on them."""

SCOPE: Final = {
    "very_bloody": "painted blood on photographs and in drawings; no real blood was ever shown",
    "slightly_bloody": "small painted stains on photographs and in drawings; no real blood was ever shown",
    "body_organ": "drawn symbols of hearts, brains, lungs; no photograph of an organ was ever shown",
    "skull": "drawn skulls that fill a good part of the picture; whole small skeletons are mostly not told from the"
    " living, and no photograph of a real skull was ever shown",
    "body_waste": "emoji and symbols of vomiting and excrement; no photograph was ever shown",
    "superficial_injury": "emoji and symbols of plasters and bandages; no photograph of a wound was ever shown",
    "other": "emoji and symbols of graves, ghosts and horror figures; no photograph was ever shown",
    "self_harm": "drawn faces with a pistol aimed at them",
}
NO_DATA: Final = {
    "gore.classes.serious_injury": "a few symbols to learn from, none of them held out: not measured, so not claimed",
    "gore.classes.corpse": "a few game sprites only, none of them held out: not measured, so not claimed",
    "gore.classes.unconscious": "no licensed pictures to learn from or test on",
    "gore.type.fake": "no licensed pictures to learn from or test on",
    "gore.type.real": "no licensed pictures to learn from or test on",
    "self-harm.type.real": "no licensed pictures to learn from or test on",
    "self-harm.type.fake": "no licensed pictures to learn from or test on",
    "self-harm.type.animated": "needs self-harm.prob",
}
