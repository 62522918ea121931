"""What keeps the order of scores under growing defects, and what it costs in agreement with people?

    python -m bench.order [--work .cache/train] [--shares 1 0.7 0.5 0.3]

Every fourth of the training side's graded photos, and what was made of it for the defects, is held out: the steps are those of
these. Agreement is that of one seed's nested folds. Uses what `vitrine train` keeps.
"""

import argparse
import itertools
import os
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from models import dataset, opinion, order, references, training
from models.distortions import DISTORTIONS
from models.graded import STEPS
from models.tiles import TileSettings
from pipelines.train import CLEAN_PHOTOS, DATA, WORK, Kept, better_than, graded_photos, spoilt_photos

EVERY = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shares", type=float, nargs="+", default=[1.0, 0.7, 0.5, 0.3], help="of the opinion")
    args = parser.parse_args()
    photos, network, settings = dataset.human_rated(args.data), training.lite0_features(), TileSettings()
    kept = Kept.of(args.work, network, settings)
    (rated,) = kept("rated", lambda: (training.photo_features(network, photos, settings, training.quiet),))
    clean = references.one_of_each(references.references(args.data), test=False, seed=args.seed)[:CLEAN_PHOTOS]
    spoilt, _ = spoilt_photos(kept, network, settings, clean, args.seed)
    given = kept, network, settings, clean, args.data, args.seed
    steps, uploads = graded_photos(*given)
    stored = np.concatenate([*itertools.chain(*graded_photos(*given, "stored"))])
    fitted_on = np.arange(len(clean)) % EVERY != 0
    spoilt = spoilt[np.repeat(fitted_on, len(spoilt) // len(clean))]
    # Graded photos are the first of the clean ones: both lists are thinned alike, and no held-out photo is learnt from.
    learnt = [at % EVERY != 0 for part in (steps, uploads) for at in range(len(part))]
    everyone = [*steps, *uploads]
    taught = [one for one, use in zip(everyone, learnt, strict=True) if use]
    asked = np.stack([one for one, use in zip(everyone, learnt, strict=True) if not use])
    lessons = training.Lessons(
        np.concatenate([*taught, spoilt]),
        better_than(taught, spoilt, int(fitted_on.sum())),
        np.stack([versions[0] for versions in taught]),
        stored[learnt],
    )
    everyone_rated = np.arange(len(photos))
    kernel = training.choose(opinion.distances(rated, training.PARTS, everyone_rated), photos.mos, args.seed)
    flat = asked.reshape(-1, *asked.shape[2:])

    def tell(name: str, scores: np.ndarray, held_out: np.ndarray) -> None:
        rows = scores.reshape(asked.shape[:2])
        chains = rows[:, 1:].reshape(len(asked), len(DISTORTIONS), STEPS)
        falls = np.diff(np.concatenate([np.repeat(rows[:, :1, None], len(DISTORTIONS), 1), chains], axis=2)) < 0
        told = training.agreement(held_out, photos.mos)
        print(
            f"| {name} | {falls.mean():.3f} | {falls[..., 0].mean():.3f} | {told.srcc:.4f} | {told.plcc:.4f} |",
            flush=True,
        )

    print(f"{len(asked)} photos\n\n| score | steps down | first step down | SRCC | PLCC |")
    print("| --- | --- | --- | --- | --- |")
    alone = training.nested(rated, photos.mos, args.seed, training.quiet).scores
    tell("the opinion alone", opinion.fit(rated, photos.mos, training.PARTS, kernel).predict(flat), alone)
    for share in args.shares:
        order.SHARE = share
        fitted, ordered = training.teach(rated, photos.mos, lessons, kernel, args.seed, training.quiet)
        out, _ = training.nested_scores(rated, photos.mos, lessons, args.seed, training.quiet)
        tell(f"{share:g} of it, and the order", ordered.score(flat, fitted.predict(flat)), out.scores)


if __name__ == "__main__":
    main()
