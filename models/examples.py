"""From clean photos to labelled examples: each spoilt in known ways, seen through the same tiles and network as in serving."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from models.dataset import read_rgb
from models.defects import DEFECTS
from models.distortions import DISTORTIONS, Distortion
from models.tiles import TileSettings, cut
from transforms.imaging.metrics.haarpsi import haarpsi
from transforms.imaging.metrics.mdsi import mdsi
from transforms.imaging.types import Pixels

UNKNOWN = -1.0
"""The label of a defect that is neither asserted nor denied."""
CELLS = 5
"""Strength 0..1 in as many cells: the even ones are trained on, the odd ones are kept for the test."""
SIDES = (480, 1000)
"""Long side of the photos before they are spoilt, in px: what phones' uploads and shops' pictures are looked at with."""


@dataclass(frozen=True)
class Version:
    """A clean photo, a spoilt copy of it, how it was spoilt, and the greatest of the strengths."""

    pixels: Pixels
    clean: Pixels
    way: tuple[Distortion, ...]
    strength: float


@dataclass(frozen=True)
class Example:
    """One spoilt photo: tiles, what is known of each defect (1, 0 or `UNKNOWN`), and its distance to the clean one."""

    tiles: Pixels
    labels: npt.NDArray[np.float32]
    strength: float
    mdsi: float
    haarpsi: float


def sized(pixels: Pixels, side: int) -> Pixels:
    """A photo reduced, never enlarged, to a long side."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    return np.asarray(
        cv2.resize(pixels, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA), np.uint8
    )


def strength(rng: np.random.Generator, unseen: bool) -> float:
    """A strength from the cells that are trained on, or from those that are not."""
    cell = rng.choice(range(1, CELLS, 2) if unseen else range(0, CELLS, 2))
    return float((cell + rng.random()) / CELLS)


def versions(path: Path, seed: int, *, unseen: bool) -> Iterator[Version]:
    """Spoil one clean photo: once not at all, once in each way, and twice in two ways at once.

    Args:
        path: the clean photo.
        seed: of all random choices, with the file's name.
        unseen: take strengths that no training example has.
    """
    rng = np.random.default_rng([seed, *path.name.encode()])
    clean = sized(read_rgb(path), int(rng.integers(*SIDES)))
    pairs = [sorted(rng.choice(len(DISTORTIONS), 2, replace=False)) for _ in range(2)]
    ways: list[tuple[Distortion, ...]] = [(), *((way,) for way in DISTORTIONS)]
    ways += [tuple(DISTORTIONS[index] for index in pair) for pair in pairs]
    for way in ways:
        amounts = [strength(rng, unseen) for _ in way]
        spoilt = clean
        for distortion, amount in zip(way, amounts, strict=True):
            spoilt = distortion.spoil(spoilt, amount, rng)
        yield Version(spoilt, clean, way, max(amounts, default=0.0))


def examples(path: Path, seed: int, *, unseen: bool, settings: TileSettings, graded: bool = False) -> Iterator[Example]:
    """The `versions` of one clean photo as the network sees them.

    Args:
        path: the clean photo.
        seed: of all random choices, with the file's name.
        unseen: take strengths that no training example has.
        settings: the tiles' geometry.
        graded: also measure each example's distance to the clean photo (MDSI and HaarPSI); NaN otherwise.
    """
    for made in versions(path, seed, unseen=unseen):
        distances = (mdsi(made.pixels, made.clean), haarpsi(made.pixels, made.clean)) if graded else (np.nan, np.nan)
        yield Example(cut(made.pixels, settings), labels(made.way), made.strength, *distances)


def labels(way: tuple[Distortion, ...]) -> npt.NDArray[np.float32]:
    """1 for each defect that was made, `UNKNOWN` for what may be taken for one of them, 0 for the others."""
    made = {distortion.defect for distortion in way}
    akin = {name for distortion in way for name in distortion.akin}
    return np.array([1.0 if d in made else UNKNOWN if d in akin else 0.0 for d in DEFECTS], np.float32)
