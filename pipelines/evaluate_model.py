"""`vitrine evaluate model`: how far the score agrees with people and follows known defects; writes the model's card.

Agreement is that of nested folds, made again here; everything else is measured with the trained model itself, in its int8 form, on
clean photos of the test side of the split (no SKU or source of it was trained on) spoilt with strengths that were not trained on.
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.config import Config
from pipelines.train import CLEAN_PHOTOS, DATA, SEEDS, WORK, Kept, int8_ranges, lessons_of, show

TEST_PHOTOS = 60
ORDER_PHOTOS = 24
LOOKED_AT = 12
"""Test photos, the first ones, whose order was looked at when the order's training was settled: it is measured on others."""
SIDE = 640
"""Long side of the photos whose order is tried, in px."""

FAILURES = """\
- It was taught by 595 photos of 500 px taken by phones, none of them a product on a plain ground: on such photos its order under
  growing defects is measured below, its level is not.
- Over-exposure is found least surely (see the defects found), and is where the score most often misses a slight step.
- That the score falls with each step was taught with the ten ways of spoiling that are tried below, at other strengths: of
  what spoils photos otherwise it is not known.
- It judges how a picture looks, not what is on it: a sharp photo of the wrong thing scores well."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--data", "--set", type=Path, default=DATA, help=f"folder of training data (default: {DATA})")
    parser.add_argument("--work", type=Path, default=WORK, help=f"folder that keeps what is computed (default: {WORK})")
    parser.add_argument(
        "--card", type=Path, default=None, help="where the card goes (default: card.md beside the model)"
    )
    parser.add_argument(
        "--test-photos", type=int, default=TEST_PHOTOS, help=f"clean photos to spoil (default: {TEST_PHOTOS})"
    )


def run(args: argparse.Namespace, config: Config) -> int:
    """Measure, print, write the card; the exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from models import dataset, references, scorer, training

    photos = dataset.human_rated(args.data)
    model, whole = (scorer.load(config.model.directory, form) for form in ("int8", "litert"))
    folder = Path(config.model.directory or scorer.SHIPPED)
    card = scorer.read_card(folder)
    network = training.lite0_features()
    kept = Kept.of(args.work, network, model.tiles)
    (features,) = kept("rated", lambda: (training.photo_features(network, photos, model.tiles, show),))
    known = references.references(args.data)
    taught_on = references.one_of_each(known, test=False, seed=0)[:CLEAN_PHOTOS]
    clean = references.one_of_each(known, test=True, seed=0)[: args.test_photos]
    found, labels = kept(f"found-{model.version}-{len(clean)}", lambda: found_by(model, clean))

    rounded = _int8_features(args.data, kept, network, photos, model, card["int8"]["seed"])
    lessons = lessons_of(kept, network, model.tiles, taught_on, args.data, 0)
    nested = [
        training.nested_scores(features, photos.mos, lessons, seed, show, served=rounded if seed == 0 else None)
        for seed in SEEDS
    ]
    text = "\n\n".join(
        [
            *_heading(card),
            _agreement([out for out, _ in nested], photos.mos, card),
            _agreement_int8(nested[0][1], photos.mos),
            _defects(model, len(clean), found, labels),
            _order(clean[LOOKED_AT:][:ORDER_PHOTOS], model),
            _speed([model, whole]),
        ]
    )
    print(text)
    (args.card or folder / "card.md").write_text(text + "\n", "utf-8")
    return 0


def _int8_features(data: Path, kept: Kept, network: Any, photos: Any, model: Any, seed: int) -> np.ndarray:
    """Features of the rated photos by the backbone in int8, as `vitrine train` calibrated it."""
    from models import calibration, export, training

    drawn = calibration.photos(data, photos, seed)
    rounded = export.quantized(network, int8_ranges(kept, network, model.tiles, drawn, seed))
    tiles = training.rated_tiles(photos, model.tiles, show)
    (features,) = kept(f"rated-int8-{seed}", lambda: (export.litert_features(rounded, tiles, int8=True),))
    return features


def _agreement_int8(scores: np.ndarray, mos: np.ndarray) -> str:
    from models import training

    told = training.agreement(scores, mos)
    return (
        "The int8 form, whose heads were fitted on float features of the other photos, on the same folds of seed 0: "
        f"SRCC {told.srcc:.3f}, PLCC {told.plcc:.3f}, RMSE {told.rmse:.2f}."
    )


def _heading(card: dict[str, Any]) -> list[str]:
    data = "\n".join(f"- {part['set']}; {part['licence']}" for part in card["trained_on"])
    drawn = ", ".join(f"{count} of {name}" for name, count in card["int8"]["calibrated_on"].items())
    backbone = card["backbone"]
    return [
        f"# The quality model {card['model_version']}",
        "What it says of a photo: an opinion 0..100 as people would give it (bad below 20, poor, fair, good, excellent from 80: "
        "the five fields of the raters' own scale), its interval, and a probability for each of ten defects. "
        "This page is written by `vitrine evaluate model`; `docs/model.md` tells how it is built.",
        f"## Data and licences\n\n{data}\n- backbone: {backbone['name']} ({backbone['licence']})\n"
        f"- int8 form: ranges between layers from photos without their labels ({drawn})\n\n"
        + "\n".join(part["cite"] for part in card["trained_on"] if "cite" in part),
        f"## What it must not be used for\n\n{FAILURES}\n- No decision about a person, and none that nobody can appeal.",
    ]


def _agreement(nested: list[Any], mos: np.ndarray, card: dict[str, Any]) -> str:
    from models import evaluation, training

    first = np.clip(nested[0].scores, 0, 100)
    figures = [training.agreement(out.scores, mos) for out in nested]
    lines = [
        "## Agreement with people",
        "",
        f"`human-rated`, {len(mos)} photos, nested {training.FOLDS}-fold: fitted and chosen without the photo that is scored. "
        "What they chose from was found by trials on these photos (`docs/model.md`): expect a little less elsewhere.",
        "",
        "| | seed 0, 95 % interval | mean of 3 seeds |",
        "| --- | --- | --- |",
    ]
    for (name, figure), key in zip(evaluation.correlations(first, mos).items(), ("srcc", "plcc", "rmse"), strict=True):
        lines.append(f"| {name} | {figure} | {np.mean([getattr(f, key) for f in figures]):.3f} |")
    # Each seed's interval is measured with the width that another seed's folds gave.
    width = training.width_of(nested[1], mos)
    inside = np.mean(np.abs(mos - nested[0].scores) <= width * nested[0].unknown)
    lines += ["", f"The interval, made to hold {training.COVERAGE:.0%} of opinions, held {inside:.1%}.", ""]
    lines += ["| band | photos scored so | mean score | mean opinion |", "| --- | --- | --- | --- |"]
    for low, high, count, score, opinion in evaluation.calibration(first, mos, list(card["bands"].values())):
        lines.append(f"| {low:.0f} to {high:.0f} | {count} | {score:.1f} | {opinion:.1f} |")
    return "\n".join(lines)


def found_by(model: Any, clean: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """The served model's probabilities for spoilt versions of clean photos, and what is truly there: versions x defects."""
    from models.evaluation import shown
    from models.examples import labels as labels_of
    from models.examples import versions

    found, labels = [], []
    for done, reference in enumerate(clean):
        for version in versions(reference.path, 0, unseen=True):
            prediction = model.opinion(shown(model, version.pixels))
            found.append([prediction.defects[name] for name in model.defects])
            labels.append(labels_of(version.way))
        show("spoilt photos scored", done + 1, len(clean))
    return np.array(found), np.array(labels)


def _defects(model: Any, photos: int, found: np.ndarray, labels: np.ndarray) -> str:
    from models import evaluation
    from models.examples import UNKNOWN

    lines = [
        "## Defects found",
        "",
        f"{photos} clean photos of the test side in {len(labels)} versions, spoilt with strengths that were not trained on: AUC "
        "of the served probability against all versions without the defect.",
        "",
        "| defect | AUC |",
        "| --- | --- |",
    ]
    for place, name in enumerate(model.defects):
        known = labels[:, place] != UNKNOWN
        lines.append(f"| {name} | {evaluation.auc(found[known, place], labels[known, place] == 1):.3f} |")
    return "\n".join(lines)


def _order(clean: Sequence[Any], model: Any) -> str:
    from models import evaluation
    from models.dataset import read_rgb
    from models.examples import sized

    photos = [sized(read_rgb(reference.path), SIDE) for reference in clean]
    drift = evaluation.encoding_drift(photos, model)
    lines = [
        "## Order kept",
        "",
        f"{len(photos)} clean photos of the test side at {SIDE} px, spoilt in {len(evaluation.STEPS)} steps of each defect: share "
        "of steps at which the score fell, and Spearman's correlation of score and strength within a photo.",
        "",
        "| defect | steps down | rank correlation |",
        "| --- | --- | --- |",
    ]
    kept = evaluation.order_kept(photos, model)
    lines += [f"| {row.defect} | {row.steps_down:.0%} | {-row.rank_correlation:.2f} |" for row in kept]
    lines.append(f"| all | {np.mean([row.steps_down for row in kept]):.1%} | |")
    lines += [
        "",
        f"Stored as JPEG 97 the score moves by {drift.mean():.2f} points on average, {drift.max():.2f} at most.",
    ]
    return "\n".join(lines)


def _speed(models: Sequence[Any], runs: int = 60) -> str:
    lines = ["## Cost", "", "Core-milliseconds a photo, both tiles and all heads, the least of many runs:", ""]
    lines += ["| form | core-ms | photos/s on one core |", "| --- | --- | --- |"]
    for model in models:
        tiles = np.random.default_rng(0).integers(0, 256, (1, *model.shape), np.uint8)
        spent = []
        for _ in range(runs):
            began = time.process_time()
            model.score(tiles, [{}])
            spent.append(time.process_time() - began)
        lines.append(f"| {model.form} | {min(spent) * 1e3:.1f} | {1 / min(spent):.0f} |")
    return "\n".join(lines)
