"""At what scale should the model look at a large photo? Scores of clean studio photos at several viewing scales.

    python -m bench.viewing_scale [--photos 40]

For each `view`: how far a photo's score moves when it is stored at half its size (points, median and worst), in how many pairs
an enlarged half-size copy scores lower than the photo itself, and in how many a blurred, a noisy and a compressed copy do.
Photos are of the training side of the references' split: this chooses a setting and reports nothing.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from models import distortions, references
from models.dataset import read_rgb
from models.distortions import DISTORTIONS
from models.scorer import load
from models.tiles import TileSettings, cut
from transforms.imaging.fixes.light import to_bytes, to_linear
from transforms.imaging.types import Pixels

VIEWS = (500, 700, 1000, 1400)


def resized(pixels: Pixels, long_side: int) -> Pixels:
    height, width = pixels.shape[:2]
    scale = long_side / max(height, width)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (round(width * scale), round(height * scale)), interpolation=how), np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--photos", type=int, default=40)
    args = parser.parse_args()
    found = references.one_of_each(references.references(args.data), test=False, seed=0)
    studio = [r for r in found if r.kind == "studio"][: args.photos]
    scorer = load(form="litert")
    table: dict[int, list[list[float]]] = {view: [] for view in VIEWS}
    for reference in studio:
        native = resized(read_rgb(reference.path), 1000)
        half = resized(native, 500)
        rng = np.random.default_rng(0)
        defocused = to_bytes(distortions.defocus(to_linear(native), 0.3, rng))
        spoilt = [
            defocused,
            *(way.spoil(native, 0.3, rng) for way in DISTORTIONS if way.defect in ("noise", "compression")),
        ]
        versions = [native, half, resized(half, 1000), *spoilt]
        for view in VIEWS:
            tiles = np.stack([cut(version, TileSettings(view=view)) for version in versions])
            table[view].append([p.score for p in scorer.score(tiles, [{}] * len(tiles))])
    print(f"{len(studio)} studio photos, model {scorer.version}")
    print("view  score  |half - native| median worst   lower: enlarged  defocus  noise  compression")
    for view, rows in table.items():
        scores = np.array(rows)
        moved = np.abs(scores[:, 1] - scores[:, 0])
        lower = (scores[:, 2:] < scores[:, :1]).mean(axis=0)
        print(
            f"{view:4}  {scores[:, 0].mean():5.1f}  {np.median(moved):22.1f} {moved.max():5.1f}"
            f"   {lower[0]:15.0%}  {lower[1]:7.0%}  {lower[2]:5.0%}  {lower[3]:11.0%}"
        )


if __name__ == "__main__":
    main()
