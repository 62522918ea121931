"""The photos that people rated, and how they are split: read from a folder beside the repository, never shipped."""

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from transforms.errors import UserError
from transforms.imaging.types import Pixels

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

HUMAN_RATED = "human-rated"
NOTICE = "LICENSE-LIVE.txt"


@dataclass(frozen=True)
class RatedPhotos:
    """Photos with the opinion of people: mean score 0..100 (higher is better) and the raters' standard deviation."""

    paths: tuple[Path, ...]
    mos: Floats
    spread: Floats

    def __len__(self) -> int:
        return len(self.paths)

    def pixels(self, index: int) -> Pixels:
        """One photo's upright sRGB pixels; the set has neither EXIF orientation nor profiles."""
        return read_rgb(self.paths[index])


def read_rgb(path: Path) -> Pixels:
    """Height x width x 3, uint8, RGB.

    Raises:
        UserError: when the file is not there or not an image.
    """
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise UserError(f"{path} cannot be read as an image")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def human_rated(data: Path) -> RatedPhotos:
    """The set `human-rated` of a data folder, in the order of its table.

    Raises:
        UserError: when it is not there; the message says what to put where.
    """
    folder = data / HUMAN_RATED
    table = folder / "mos.csv"
    if not table.is_file():
        raise UserError(
            f"training needs {table} (columns file, mos, std) and the photos beside it: put the rated photos of the "
            f"LIVE In the Wild challenge into {folder}, or name another data folder with --data"
        )
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return RatedPhotos(
        tuple(folder / row["file"] for row in rows),
        np.array([float(row["mos"]) for row in rows]),
        np.array([float(row["std"]) for row in rows]),
    )


def folds(count: int, parts: int, seed: int) -> list[Indices]:
    """Indices 0..count-1 dealt at random into disjoint parts of like size; the same for the same seed."""
    order = np.random.default_rng(seed).permutation(count)
    return [np.sort(order[part::parts]) for part in range(parts)]


def rest(count: int, held_out: Indices) -> Indices:
    """The indices 0..count-1 that are not held out."""
    return np.setdiff1d(np.arange(count), held_out)
