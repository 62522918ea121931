"""What keeps the order of scores under growing defects, and what it costs in agreement with people?

    python -m bench.order [--work .cache/train]

Every fourth of the training side's graded photos, and what was made of it for the defects, is held out: the steps are those of
these. Agreement is that of two seeds' nested folds. Uses what `vitrine train` keeps.
"""

import argparse
import os
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from models import dataset, detector, graded, opinion, order, references, training
from models.distortions import DISTORTIONS
from models.network import WIDTHS
from models.tiles import TileSettings
from pipelines.train import CLEAN_PHOTOS, DATA, WORK, Kept, better_than, graded_photos, spoilt_photos

EVERY = 4
SEEN = {"all stages": (slice(None),), "stages 1 to 5 and tones": training.early(WIDTHS)}


def quiet(*_: object) -> None:
    """Show no progress."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    photos, network, settings = dataset.human_rated(args.data), training.lite0_features(), TileSettings()
    kept = Kept.of(args.work, network, settings)
    (rated,) = kept("rated", lambda: (training.photo_features(network, photos, settings, quiet),))
    clean = references.one_of_each(references.references(args.data), test=False, seed=args.seed)[:CLEAN_PHOTOS]
    spoilt, labels = spoilt_photos(kept, network, settings, clean, args.seed)
    steps, uploads = graded_photos(kept, network, settings, clean, args)
    count = len(spoilt) // len(clean)
    fitted_on = np.arange(len(clean)) % EVERY != 0
    rows = np.repeat(fitted_on, count)
    spoilt, labels = spoilt[rows], labels[rows]
    asked = np.stack(steps[::EVERY] + uploads[::EVERY])
    steps, uploads = ([one for at, one in enumerate(part) if at % EVERY] for part in (steps, uploads))

    kernel = training.choose(opinion.distances(rated, training.PARTS, np.arange(len(photos))), photos.mos, args.seed)
    fitted = opinion.fit(rated, photos.mos, training.PARTS, kernel)
    nested = [training.nested(rated, photos.mos, seed, quiet).scores for seed in (0, 1)]
    versions = np.concatenate([*steps, *uploads, spoilt])
    pairs = better_than(steps + uploads, spoilt, int(fitted_on.sum()))
    flat = asked.reshape(-1, *asked.shape[2:])
    points = fitted.predict(flat)

    def tell(name: str, lost: np.ndarray, lost_rated: np.ndarray) -> None:
        scores = (points - lost).reshape(asked.shape[:2])
        chains = scores[:, 1:].reshape(len(asked), len(DISTORTIONS), graded.STEPS)
        falls = np.diff(np.concatenate([np.repeat(scores[:, :1, None], len(DISTORTIONS), 1), chains], axis=2)) < 0
        told = [training.agreement(out - lost_rated, photos.mos) for out in nested]
        srcc, plcc = np.mean([a.srcc for a in told]), np.mean([a.plcc for a in told])
        print(f"| {name} | {falls.mean():.3f} | {falls[..., 0].mean():.3f} | {srcc:.4f} | {plcc:.4f} |", flush=True)

    print(f"{len(asked)} photos\n\n| what loses points | steps down | first step down | SRCC | PLCC |")
    print("| --- | --- | --- | --- | --- |")
    tell("nothing: the opinion alone", np.zeros(len(flat)), np.zeros(len(rated)))
    alone = detector.train(spoilt, labels, args.seed, quiet)
    tell("penalties", alone.penalty(flat), alone.penalty(rated))
    more = np.concatenate([spoilt, *steps]), np.concatenate([labels, np.tile(graded.known_defects(), (len(steps), 1))])
    found = detector.train(*more, args.seed, quiet)
    tell("penalties, defects taught on graded photos too", found.penalty(flat), found.penalty(rated))
    left = fitted.predict(versions) - found.penalty(versions)
    for name, blocks in SEEN.items():
        head = order.train(versions, left, pairs, args.seed, quiet, blocks)
        tell(
            f"and the order, {name}",
            found.penalty(flat) + head.lost(flat),
            found.penalty(rated) + head.lost(rated),
        )


if __name__ == "__main__":
    main()
