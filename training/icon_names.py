"""What the name of an icon says about its picture, and which icon sets train, calibrate and test."""

import re
import zlib
from typing import Final

from training.art import Split

GORE: Final = (
    "very_bloody",
    "slightly_bloody",
    "skull",
    "body_organ",
    "body_waste",
    "superficial_injury",
    "serious_injury",
    "other",
)

# Share-alike sets and those of the test never train. Sets of one company stand together in one split.
SPLIT_OF_SET: Final[dict[str, Split]] = {
    "game-icons": "train",
    "healthicons": "train",
    "noto": "train",
    "noto-v1": "train",
    "twemoji": "train",
    "fluent-emoji": "train",
    "fluent-emoji-flat": "train",
    "mdi": "train",
    "tabler": "train",
    "ph": "train",
    "material-symbols": "train",
    "hugeicons": "train",
    "mingcute": "train",
    "solar": "train",
    "medical-icon": "train",
    "fluent-emoji-high-contrast": "train",
    "bxs": "train",
    "ion": "train",
    "dinkie-icons": "train",
    "memory": "train",
    "bi": "train",
    "boxicons": "train",
    "flowbite": "train",
    "gravity-ui": "train",
    "griddy-icons": "train",
    "jam": "train",
    "lets-icons": "train",
    "majesticons": "train",
    "mynaui": "train",
    "nrk": "train",
    "picon": "train",
    "pinhead": "train",
    "proicons": "train",
    "teenyicons": "train",
    "zmdi": "train",
    "ri": "calibrate",
    "uil": "calibrate",
    "maki": "calibrate",
    "raphael": "calibrate",
    "flat-color-icons": "calibrate",
    "streamline-emojis": "calibrate",
    "streamline-plump": "calibrate",
    "streamline-ultimate": "calibrate",
    "streamline-ultimate-color": "calibrate",
    "f7": "calibrate",
    "fontisto": "calibrate",
    "gg": "calibrate",
    "whh": "calibrate",
    "openmoji": "test",
    "streamline": "test",
    "streamline-flex": "test",
    "streamline-pixel": "test",
    "streamline-freehand-color": "test",
    "fa6-solid": "test",
    "la": "test",
    "icon-park": "test",
    "icon-park-solid": "test",
    "lucide": "test",
    "meteor-icons": "test",
    "pixelarticons": "test",
    "iconoir": "test",
    "carbon": "test",
}
LICENCES: Final = {
    "game-icons": "CC-BY-3.0",
    "healthicons": "MIT",
    "noto": "Apache-2.0",
    "noto-v1": "Apache-2.0",
    "twemoji": "CC-BY-4.0",
    "fluent-emoji": "MIT",
    "fluent-emoji-flat": "MIT",
    "mdi": "Apache-2.0",
    "tabler": "MIT",
    "ph": "MIT",
    "material-symbols": "Apache-2.0",
    "hugeicons": "MIT",
    "mingcute": "Apache-2.0",
    "solar": "CC-BY-4.0",
    "medical-icon": "MIT",
    "fluent-emoji-high-contrast": "MIT",
    "bxs": "MIT",
    "ion": "MIT",
    "dinkie-icons": "MIT",
    "memory": "Apache-2.0",
    "bi": "MIT",
    "boxicons": "MIT",
    "flowbite": "MIT",
    "gravity-ui": "MIT",
    "griddy-icons": "MIT",
    "jam": "MIT",
    "lets-icons": "CC-BY-4.0",
    "majesticons": "MIT",
    "mynaui": "MIT",
    "nrk": "CC-BY-4.0",
    "picon": "OFL-1.1",
    "pinhead": "CC0-1.0",
    "proicons": "MIT",
    "teenyicons": "MIT",
    "zmdi": "OFL-1.1",
    "ri": "Apache-2.0",
    "uil": "Apache-2.0",
    "maki": "CC0-1.0",
    "raphael": "MIT",
    "flat-color-icons": "MIT",
    "streamline-emojis": "CC-BY-4.0",
    "streamline-plump": "CC-BY-4.0",
    "streamline-ultimate": "CC-BY-4.0",
    "streamline-ultimate-color": "CC-BY-4.0",
    "f7": "MIT",
    "fontisto": "MIT",
    "gg": "MIT",
    "whh": "OFL-1.1",
    "openmoji": "CC-BY-SA-4.0",
    "streamline": "CC-BY-4.0",
    "streamline-flex": "CC-BY-4.0",
    "streamline-pixel": "CC-BY-4.0",
    "streamline-freehand-color": "CC-BY-4.0",
    "fa6-solid": "CC-BY-4.0",
    "la": "Apache-2.0",
    "icon-park": "Apache-2.0",
    "icon-park-solid": "Apache-2.0",
    "lucide": "ISC",
    "meteor-icons": "MIT",
    "pixelarticons": "MIT",
    "iconoir": "MIT",
    "carbon": "Apache-2.0",
}
EMOJI: Final = ("noto", "noto-v1", "twemoji", "fluent-emoji", "fluent-emoji-flat", "openmoji")
COLOURED: Final = (
    *EMOJI,
    "fluent-emoji-3d",
    "flat-color-icons",
    "streamline-emojis",
    "streamline-ultimate-color",
    "streamline-freehand-color",
    "icon-park",
)

_NAMES: Final = {
    "skull": r"(^|-)(skulls?|skeleton|daemon-skull)($|-)|skull-and-crossbones|jolly-roger|skeleton-inside|skeletal"
    r"|skull-crossbones",
    "slightly_bloody": r"^(drop-of-blood|blood|bloody-.*|bleeding-.*|dripping-knife|blood-drops?|blood-donate-drop"
    r"|health-blood-drop-type)$",
    "body_organ": r"^(anatomical-heart|heart-organ.*|(health-)?brain-?\d*|brain-stem|lungs?(-alt)?|kidneys?|liver"
    r"|liver-alt|i-kidney|i-cardiology|i-neurology|cardiology|pulmonology|nephrology|gastroenterology|pancreas"
    r"|gastrointestinal|stomach|intestine.*|large-intestine|internal-organ|neurology|spleen|bowels|colon|thyroid"
    r"|(gall)?bladder|(bladder|stomach|pancreatic|thyroid)-cancer|viral-lung-infection|brain-(leak|dump|tentacle)"
    r"|liver-with-bile-duct|lungs-with-right-side-spots)$",
    "body_waste": r"^(face-vomiting|face-with-open-mouth-vomiting|pile-of-poo|vomitt?ing.*|nausea|nauseous|poop?"
    r"|nauseated-face(-\d)?|emoticon-poop|faeces|diarrhea|smiley-nauseas|poo-pile|poopalt|.*-poop-(sad|angry)"
    r"|nauseous-face-in-circle|person-vomiting|laboratory-test-stool)$",
    "superficial_injury": r"^(adhesive-bandage|bandage|bandaged|band-?aids?|face-with-head-bandage|bandage-adhesive"
    r"|arm-bandage|hand-bandage|knee-bandage|bandage-roll|sticking-plaster|health-bandage|bandage-leg|foot-plaster"
    r"|user-injured|account-injury|personal-injury|(adhesive-)?plaster(-2)?|bandage-f"
    r"|frowning-face-with-head-bandage-in-circle)$",
    "serious_injury": r"^(bleeding-wound|open-wound|large-wound|ragged-wound|rough-wound|sword-wound|amputation"
    r"|severed-hand|stitched-wound|wounds-injuries|broken-bone|bone-fracture)$",
    "other": r"^(coffin|tombstone|headstone|graveyard|hasty-grave|grave-flowers|pirate-grave|funeral-urn|gibbet"
    r"|guillotine|cemetery(-jp)?|grave|grave-2|((wo)?man-|person-)?(zombie|vampire)|goblin|ogre|mummy-head"
    r"|ghost(-[23])?|shambling-zombie|devil-mask|vampire-dracula|female-vampire|fish-monster|raise-zombie|imp"
    r"|smiling-face-with-horns|angry-face-with-horns|floating-ghost|goblin-head|hand-zombie|gravestone"
    r"|grave(two|three|four)|halloween-(coffin|ghost|tomb)|coffin-with-latin-cross|(spooky|pixel)-ghost|ghost-(f|character)"
    r"|((angry|annoyed|daze|funny|indifferent|sad|smile|wink)-)ghost|ghost-smile"
    r"|emojidevil)$",
}
_NO_SKULL: Final = (
    r"skullcap|animal|dino|t-rex|sauropod|leaf|skeleton-key|key-skeleton|saber-?tooth|toad|raise|horned-skull$"
    r"|knife-fork|alien|condylura|desert-skull|cow|goo-skull|rock|tricorne"
)
# Names near a label, where the picture may or may not show it: unknown for every gore label.
_DOUBTFUL: Final = re.compile(
    r"skull|skeleton|blood|bleed|wound|death|dead|zombie|demon|daemon|corpse|bone|organ|vomit|poo(p|$|-)|nause|injur"
    r"|bandage|monster|devil|ghost|carnage|splat|gore|brain|heart-burn|intestin|scream|suicid|gallows|hang|tarot"
    r"|impal|pierc|burn|scythe|sick|reaper|pirate|poison|biohazard|eyeball|amput|severed|decapit|halloween|pumpkin"
    r"|plaster|lung|kidney|liver-|stomach|plague|toxic|hazard|danger|radioact|crutch|fracture|surg|anatom|uter"
    r"|coffin-with|prostat|ovar(y|ies)|pancrea|esophag|thyroid|bladder"
)
_SKIP: Final = re.compile(r"tone|-24px|flag|keycap|-negative|-outline|-1[15]$|-off$")
_VARIANT: Final = re.compile(r"(-(fill|filled|bold|thin|light|duotone|rounded|sharp|linear|line|solid|remix|broken))+$")
NOT_SHOWN: Final = {"gg": ("ghost",), "fontisto": ("blood",), "picon": ("colon",), "openmoji": ("plaster",)}
"""What means something else there (a brand, a bag, a punctuation mark), and what was never part of the test."""
_UNKNOWN_BESIDE: Final = {
    "skull": ("other",),
    "slightly_bloody": ("very_bloody",),
    "other": ("skull",),
    "superficial_injury": ("serious_injury", "slightly_bloody"),
    "serious_injury": ("superficial_injury", "slightly_bloody", "very_bloody", "body_organ"),
}


def is_variant(name: str) -> bool:
    """Whether a name is one of the doubled outlines, skin tones and national signs that are left out."""
    return _SKIP.search(name) is not None


def concept(name: str) -> str:
    """The name without the style of its lines: all weights of one icon are one artwork."""
    return _VARIANT.sub("", name)


def icon_labels(name: str) -> dict[str, int]:
    """What an icon's name says about it: 1, 0, or nothing where it does not say."""
    name = concept(name)
    shown = [label for label, pattern in _NAMES.items() if re.search(pattern, name)]
    if "skull" in shown and re.search(_NO_SKULL, name):
        return {}
    if not shown:
        return {} if _DOUBTFUL.search(name) else dict.fromkeys(GORE, 0)
    labels = dict.fromkeys(GORE, 0) | dict.fromkeys(shown, 1)
    for label in shown:
        for beside in _UNKNOWN_BESIDE.get(label, ()):
            if labels.get(beside) == 0:
                del labels[beside]
    return labels


def icon_split(set_name: str) -> Split:
    """Whole sets are held out: for the test, and others for the calibration."""
    return SPLIT_OF_SET[set_name]


def share(name: str, parts: int) -> int:
    """A number below ``parts`` that is always the same for a name."""
    return zlib.crc32(name.encode()) % parts
