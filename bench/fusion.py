"""Do the rule measures, beside the network's features, find defects better?

    python -m bench.fusion [--work .cache/train]            # chosen by: every fourth photo of the training side held out
    python -m bench.fusion --test                           # reported: photos of the test side, strengths never trained on

Measures go through tf.Transform's graph, learnt on the photos that are fitted on. Uses what `vitrine train` keeps.
"""

import argparse
import os
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from models import detector, evaluation, graded, references, training
from models.defects import DEFECTS
from models.examples import UNKNOWN
from models.scalar_transform import ScalarTransform
from models.tiles import TileSettings
from models.training import quiet
from pipelines import train
from pipelines.evaluate_model import TEST_PHOTOS

EVERY = 4
SEEDS = (0, 1)


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
    network, settings = training.lite0_features(), TileSettings()
    kept = train.Kept.of(args.work, network, settings)
    known = references.references(args.data)
    clean = references.one_of_each(known, test=False, seed=args.seed)[: train.CLEAN_PHOTOS]
    spoilt, labels = train.spoilt_photos(kept, network, settings, clean, args.seed)
    measures = train.spoilt_measures(kept, clean, args.seed)
    steps, _ = train.graded_photos(kept, network, settings, clean, args.data, args.seed)
    step_measures = train.graded_measures(kept, clean[: len(steps)], args.seed)
    fit_on = np.ones(len(clean), bool) if args.test else np.arange(len(clean)) % EVERY != 0
    rows = np.repeat(fit_on, len(spoilt) // len(clean))
    if args.test:
        asked_photos = references.one_of_each(known, test=True, seed=0)[:TEST_PHOTOS]
        asked, asked_labels = train.spoilt_photos(kept, network, settings, asked_photos, 0)
        asked_measures = train.spoilt_measures(kept, asked_photos, 0)
    else:
        asked, asked_labels, asked_measures = spoilt[~rows], labels[~rows], measures[~rows]
    # Graded photos are the first of the clean ones: both are thinned alike.
    fitted = [at for at in range(len(steps)) if fit_on[at]]
    taught = np.concatenate([spoilt[rows], *(steps[at] for at in fitted)])
    taught_measures = np.concatenate([measures[rows], *(step_measures[at] for at in fitted)])
    told = np.concatenate([labels[rows], np.tile(graded.known_defects(), (len(fitted), 1))])
    transform = ScalarTransform(train.learn_transform(taught_measures, kept.folder / f"fusion-{args.test}"))
    standard = {"features": lambda m: None, "features and measures": transform.of}
    print("| detector | " + " | ".join(DEFECTS) + " |")
    print("| --- |" + " --- |" * len(DEFECTS))
    for name, of in standard.items():
        found = [detector.train(taught, told, seed, quiet, of(taught_measures)) for seed in SEEDS]
        scores = np.mean([aucs(one.predict(asked, of(asked_measures)), asked_labels) for one in found], axis=0)
        print(f"| {name} | " + " | ".join(f"{score:.3f}" for score in scores) + " |", flush=True)


if __name__ == "__main__":
    main()
