"""Clean photos spoilt by growing steps: what the order of scores is taught on.

The same photo, spoilt in the same way and with the same draw of all else, only stronger: which of two versions is better is then
known without asking anyone. Uploads serve too: they are no clean photos, but a spoilt copy of one is worse than the photo.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.dataset import read_rgb
from models.distortions import DISTORTIONS
from models.examples import CELLS, SIDES, labels, sized
from models.network import FeatureNetwork, features_of
from models.references import Reference
from models.tiles import TileSettings, cut
from transforms.imaging.types import Pixels

UPLOADS = "uploads"
STEPS = len(range(0, CELLS, 2))
"""Strengths of each chain, one of each cell that is trained on."""

BATCH = 8
"""Photos in one run of the network: bounds its memory."""


def uploads(data: Path) -> list[Reference]:
    """Sellers' photos of a data folder, by name; all photos of one seller are one group. None where the folder is absent."""
    table = data / UPLOADS / "uploads.csv"
    if not table.is_file():
        return []
    with table.open(newline="") as file:
        rows = sorted((row["file"], row["seller_id"]) for row in csv.DictReader(file))
    return [Reference(data / UPLOADS / file, UPLOADS, f"{UPLOADS}/{seller}") for file, seller in rows]


def versions(path: Path, seed: int) -> Iterator[Pixels]:
    """A photo and its spoilt versions: 1 + distortions x steps, chain by chain."""
    rng = np.random.default_rng([seed, *path.name.encode()])
    photo = sized(read_rgb(path), int(rng.integers(*SIDES)))
    yield photo
    for distortion in DISTORTIONS:
        draw = rng.integers(2**32)
        for amount in [(cell + rng.random()) / CELLS for cell in range(0, CELLS, 2)]:
            yield distortion.spoil(photo, amount, np.random.default_rng(draw))


def graded(path: Path, seed: int, settings: TileSettings) -> Pixels:
    """Tiles of a photo's `versions`: versions x tiles x side x side x 3."""
    return np.stack([cut(version, settings) for version in versions(path, seed)])


def graded_features(network: FeatureNetwork, path: Path, seed: int, settings: TileSettings) -> npt.NDArray[np.float32]:
    """Features of `graded`: versions x tiles x features."""
    tiles = graded(path, seed, settings)
    return features_of(network, (tiles[start : start + BATCH] for start in range(0, len(tiles), BATCH)))


def known_defects() -> npt.NDArray[np.float32]:
    """What is known of each row of `graded` where the photo was clean: versions x defects, as `examples.labels` tells it."""
    return np.stack([labels(()), *(labels((way,)) for way in DISTORTIONS for _ in range(STEPS))])


def steps() -> npt.NDArray[np.int64]:
    """Which rows of `graded` are to be in order: pairs x (better, worse), each chain's steps and the photo against all."""
    rows = []
    for chain in range(len(DISTORTIONS)):
        here = [0, *range(1 + chain * STEPS, 1 + (chain + 1) * STEPS)]
        rows += [(better, worse) for place, better in enumerate(here) for worse in here[place + 1 :]]
    return np.array(rows)
