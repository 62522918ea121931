"""What speed costs in agreement: photos/s against SRCC for each side of the tiles, with one or both, in float32 and int8.

    python -m bench.pareto [--sides 256 288 320]

SRCC is that of nested folds on the rated photos, seed 0, of the opinion alone, which looks at the centre; the kernel is fitted on
float features in every row, as it is served. Core-milliseconds are the least of many runs of one photo through LiteRT, without
heads; photos/s are those of two cores that each give as much as one.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from models import calibration, dataset, training
from models.export import SIGNATURE, litert_features, quantized, to_litert
from models.network import FeatureNetwork, as_served
from models.opinion import Features
from models.tiles import LAYOUT, TileSettings
from pipelines.train import DATA, WORK, Kept, int8_ranges, show

SIDES = (256, 288, 320)
RUNS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES)
    args = parser.parse_args()
    photos, network = dataset.human_rated(args.data), training.lite0_features()
    print(
        "| side | tiles | form | SRCC | core-ms a photo | photos/s on two cores |\n| --- | --- | --- | --- | --- | --- |"
    )
    for side in args.sides:
        rounded, whole, served = seen_at(side, network, photos, args)
        for tiles in (1, len(LAYOUT)):
            for form, seen, form_network in (("float32", whole, network), ("int8", served, rounded)):
                spent = core_ms(to_litert(as_served(form_network), (tiles, side, side, 3), int8=form == "int8"))
                for name, srcc in agreement(whole, seen, photos.mos, tiles):
                    print(f"| {side} | {name} | {form} | {srcc:.3f} | {spent:.1f} | {2e3 / spent:.0f} |", flush=True)


def seen_at(
    side: int, network: FeatureNetwork, photos: dataset.RatedPhotos, args: argparse.Namespace
) -> tuple[FeatureNetwork, Features, Features]:
    """The int8 network for tiles of this side, and the rated photos' features by the float one and by it; kept."""
    settings = TileSettings(side=side)
    kept = Kept.of(args.work, network, settings)
    drawn = calibration.photos(args.data, photos, 0)
    rounded = quantized(network, int8_ranges(kept, network, settings, drawn, 0))
    (whole,) = kept("rated", lambda: (training.photo_features(network, photos, settings, show),))
    (served,) = kept(
        "rated-int8-0", lambda: (litert_features(rounded, training.rated_tiles(photos, settings, show), int8=True),)
    )
    return rounded, whole, served


def agreement(whole: Features, seen: Features, mos: np.ndarray, tiles: int) -> Sequence[tuple[str, float]]:
    """SRCC for each way of using so many tiles."""
    if tiles == 1:
        ways = [("centre", whole, seen)]
    else:
        means = [np.repeat(f.mean(axis=1, keepdims=True), len(LAYOUT), axis=1) for f in (whole, seen)]
        ways = [("both", whole, seen), ("mean of both", *means)]
    return [(name, training.agreement(training.nested_served(a, b, mos, 0), mos).srcc) for name, a, b in ways]


def core_ms(file: bytes) -> float:
    """Milliseconds of one core for one photo."""
    interpreter = Interpreter(model_content=file, num_threads=1)
    run = interpreter.get_signature_runner(SIGNATURE)
    shape = run.get_input_details()["tiles"]["shape"]
    tiles = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    times = []
    for _ in range(RUNS):
        began = time.process_time()
        run(tiles=tiles)
        times.append(time.process_time() - began)
    return min(times) * 1e3


if __name__ == "__main__":
    main()
