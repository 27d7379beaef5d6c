"""``python -m training.rendered --out DIR --from N --to M``: renders pictures N to M - 1 of the endless series.

Picture 2p is the positive one of pair p, picture 2p + 1 its twin. What stands in the folder already is kept, so an
interrupted run goes on where it ended.
"""

import argparse
import json
from pathlib import Path

import torch
from PIL import Image
from tqdm import tqdm

from training.rendered.backdrops import load_backdrops
from training.rendered.body import load_body
from training.rendered.pairs import Production, Shown
from training.rendered.rows import FACTS, facts_of, mend, picture_file
from training.rendered.stage import start_renderer
from training.rendered.template import Template


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.rendered", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="about 45 kB a picture")
    parser.add_argument("--from", dest="first", type=int, default=0, help="first picture, even")
    parser.add_argument("--to", dest="last", type=int, default=5000, help="one past the last picture, even")
    parser.add_argument("--sources", type=Path, help="folder of fetched sources, for photographs behind people")
    arguments = parser.parse_args()
    if arguments.first % 2 or arguments.last % 2:
        parser.error("pictures come in pairs: both numbers are even")
    arguments.out.mkdir(parents=True, exist_ok=True)
    mend(arguments.out)
    done = {fact["seed"] for fact in facts_of(arguments.out)}
    torch.set_num_threads(1)
    start_renderer()
    production = Production(Template(load_body()), load_backdrops(arguments.sources))
    with (arguments.out / FACTS).open("a", encoding="utf-8") as facts:
        for pair in tqdm(range(arguments.first // 2, arguments.last // 2), unit="pair", mininterval=30):
            if {2 * pair, 2 * pair + 1} <= done:
                continue
            for shown in production.pair(pair):
                if shown.facts["seed"] not in done:
                    facts.write(_kept(arguments.out, shown) + "\n")
            facts.flush()


def _kept(folder: Path, shown: Shown) -> str:
    """Writes the picture first, so that every line of facts has its picture."""
    file = picture_file(folder, shown.facts["seed"])
    file.parent.mkdir(exist_ok=True)
    Image.fromarray(shown.picture).save(file, quality=95, subsampling=0)
    return json.dumps(shown.facts)


if __name__ == "__main__":
    main()
