"""Of a product photo and a slightly spoilt copy of it, is the photo itself scored higher?

    python -m bench.product_pairs [--photos 30] [--strength 0.2]

On uploads, and on studio and shop photos, of the test side of the split (no seller and no SKU of them was trained on), for each
defect.
"""

import argparse
from pathlib import Path

import numpy as np

from models import graded, references
from models.dataset import read_rgb
from models.distortions import DISTORTIONS
from models.evaluation import score
from models.examples import sized
from models.scorer import load

LOOKED_AT = 24
"""Uploads, and studio photos, the first ones, that were looked at when the order's training was settled."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--photos", type=int, default=30)
    parser.add_argument("--strength", type=float, default=0.2)
    args = parser.parse_args()
    sellers = references.one_of_each(graded.uploads(args.data), test=True, seed=0)
    uploads = [r.path for r in sellers][LOOKED_AT:][: args.photos]
    found = references.one_of_each(references.references(args.data), test=True, seed=0)
    looked_at = [r.path for r in found if r.kind == "studio"][:LOOKED_AT]
    products = [r.path for r in found if r.kind in ("studio", "shop") and r.path not in looked_at][: args.photos]
    scorer = load(form="litert")
    print(f"model {scorer.version}, strength {args.strength}: the clean one of each pair scored higher")
    for kind, paths in (("uploads", uploads), ("studio and shop", products)):
        higher = []
        for path in paths:
            photo = sized(read_rgb(path), 1000)
            spoilt = [way.spoil(photo, args.strength, np.random.default_rng(0)) for way in DISTORTIONS]
            clean, *others = (p.score for p in score(scorer, [photo, *spoilt]))
            higher.append([clean > other for other in others])
        shares = np.mean(higher, axis=0)
        told = "  ".join(f"{way.defect} {share:.0%}" for way, share in zip(DISTORTIONS, shares, strict=True))
        print(f"{kind}, {len(paths)} photos: all {np.mean(higher):.1%}  {told}", flush=True)


if __name__ == "__main__":
    main()
