"""Do the rule measures, beside the network's features, find defects better, and keep the order of scores better?

    python -m bench.fusion [--work .cache/train]            # chosen by: every fourth photo of the training side held out
    python -m bench.fusion --test                           # reported: photos of the test side, strengths never trained on

Measures go through tf.Transform's graph, learnt on the photos that are fitted on. Agreement is that of two seeds' nested folds.
Uses what `vitrine train` keeps.
"""

import argparse
import os
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from models import dataset, detector, evaluation, graded, opinion, order, references, training
from models.defects import DEFECTS
from models.distortions import DISTORTIONS
from models.examples import UNKNOWN
from models.network import WIDTHS
from models.scalar_transform import ScalarTransform
from models.tiles import TileSettings
from pipelines import train
from pipelines.evaluate_model import TEST_PHOTOS

EVERY = 4
SEEDS = (0, 1)
ORDER_TEST = 24
"""Photos of the test side that are spoilt by growing steps."""


def quiet(*_: object) -> None:
    """Show no progress."""


def aucs(found: np.ndarray, labels: np.ndarray) -> list[float]:
    known = labels != UNKNOWN
    return [evaluation.auc(found[known[:, at], at], labels[known[:, at], at] == 1) for at in range(len(DEFECTS))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=train.DATA)
    parser.add_argument("--work", type=Path, default=train.WORK)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test", action="store_true")
    args = parser.parse_args()
    photos, network, settings = dataset.human_rated(args.data), training.lite0_features(), TileSettings()
    kept = train.Kept.of(args.work, network, settings)
    (rated,) = kept("rated", lambda: (training.photo_features(network, photos, settings, quiet),))
    known = references.references(args.data)
    clean = references.one_of_each(known, test=False, seed=args.seed)[: train.CLEAN_PHOTOS]
    spoilt, labels = train.spoilt_photos(kept, network, settings, clean, args.seed)
    steps, uploads = train.graded_photos(kept, network, settings, clean, args)
    measures = train.measures_of(kept, args.data, clean, photos, args.seed)
    fit_on = np.ones(len(clean), bool) if args.test else np.arange(len(clean)) % EVERY != 0
    rows = np.repeat(fit_on, len(spoilt) // len(clean))
    ladders, ladder_measures = [*steps, *uploads], [*measures.steps, *measures.uploads]
    held = np.zeros(len(ladders), bool)
    if not args.test:
        held[: len(steps) : EVERY], held[len(steps) :: EVERY] = True, True
    if args.test:
        asked_photos = references.one_of_each(known, test=True, seed=0)[:TEST_PHOTOS]
        asked, asked_labels = train.spoilt_photos(kept, network, settings, asked_photos, 0)
        asked_measures = train.spoilt_measures(kept, asked_photos, 0)
        stairs = [
            kept(
                f"graded-0-{photo.kind}-{photo.path.stem}",
                lambda photo=photo: (graded.graded_features(network, photo.path, 0, settings),),
            )[0]
            for photo in asked_photos[:ORDER_TEST]
        ]
        stair_measures = train.graded_measures(kept, asked_photos[:ORDER_TEST], 0)
    else:
        asked, asked_labels, asked_measures = spoilt[~rows], labels[~rows], measures.spoilt[~rows]
        stairs = [one for one, out in zip(ladders, held, strict=True) if out]
        stair_measures = [one for one, out in zip(ladder_measures, held, strict=True) if out]
    fitted_steps = [one for one, out in zip(steps, held, strict=False) if not out]
    fitted_uploads = [one for one, out in zip(uploads, held[len(steps) :], strict=True) if not out]
    step_measures = [one for one, out in zip(measures.steps, held, strict=False) if not out]
    upload_measures = [one for one, out in zip(measures.uploads, held[len(steps) :], strict=True) if not out]
    taught = np.concatenate([spoilt[rows], *fitted_steps])
    told = np.concatenate([labels[rows], np.tile(graded.known_defects(), (len(fitted_steps), 1))])
    taught_measures = np.concatenate([measures.spoilt[rows], *step_measures])
    transform = ScalarTransform(train.learn_transform(taught_measures, kept.folder / f"fusion-{args.test}"))

    kernel = training.choose(opinion.distances(rated, training.PARTS, np.arange(len(photos))), photos.mos, args.seed)
    fitted = opinion.fit(rated, photos.mos, training.PARTS, kernel)
    nested = [training.nested(rated, photos.mos, seed, quiet).scores for seed in SEEDS]
    versions = np.concatenate([*fitted_steps, *fitted_uploads, spoilt[rows]])
    version_measures = np.concatenate([*step_measures, *upload_measures, measures.spoilt[rows]])
    pairs = train.better_than(fitted_steps + fitted_uploads, spoilt[rows], int(fit_on.sum()))
    flat, flat_measures = np.concatenate(stairs), np.concatenate(stair_measures)
    standard = {"features": lambda m: None, "features and measures": transform.of}
    print("| detector | " + " | ".join(DEFECTS) + " | steps down | SRCC | PLCC |")
    print("| --- |" + " --- |" * (len(DEFECTS) + 3))
    for name, of in standard.items():
        found = [detector.train(taught, told, seed, quiet, of(taught_measures)) for seed in SEEDS]
        scores = np.mean([aucs(one.predict(asked, of(asked_measures)), asked_labels) for one in found], axis=0)
        first = found[0]
        left = fitted.predict(versions) - first.penalty(versions, of(version_measures))
        head = order.train(versions, left, pairs, args.seed, quiet, training.early(WIDTHS))
        lost = first.penalty(flat, of(flat_measures)) + head.lost(flat)
        ladder = (fitted.predict(flat) - lost).reshape(len(stairs), -1)
        chain = ladder[:, 1:].reshape(len(stairs), len(DISTORTIONS), graded.STEPS)
        falls = np.diff(np.concatenate([np.repeat(ladder[:, :1, None], len(DISTORTIONS), 1), chain], axis=2)) < 0
        lost_rated = first.penalty(rated, of(measures.rated)) + head.lost(rated)
        agreed = [training.agreement(out - lost_rated, photos.mos) for out in nested]
        srcc, plcc = np.mean([a.srcc for a in agreed]), np.mean([a.plcc for a in agreed])
        cells = " | ".join(f"{score:.3f}" for score in scores)
        print(f"| {name} | {cells} | {falls.mean():.3f} | {srcc:.4f} | {plcc:.4f} |", flush=True)
        by_way = " ".join(f"{w.defect} {f:.2f}" for w, f in zip(DISTORTIONS, falls.mean(axis=(0, 2)), strict=True))
        print(f"  steps down: {by_way}", flush=True)


if __name__ == "__main__":
    main()
