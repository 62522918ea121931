"""Photos on which the int8 form learns how far the numbers between layers reach: real ones, without their labels."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from models.dataset import RatedPhotos, read_rgb
from models.references import one_of_each, references
from models.tiles import TileSettings, cut
from transforms.imaging.types import Pixels

UPLOADS = "uploads"
OF_EACH = 60
"""Photos drawn of each set."""


def photos(data: Path, rated: RatedPhotos, seed: int) -> dict[str, list[Path]]:
    """Photos drawn by the seed of each set that is there: uploads, rated photos, clean photos of the training side."""
    clean = [reference.path for reference in one_of_each(references(data), test=False, seed=seed)]
    sets = {UPLOADS: sorted((data / UPLOADS).glob("*.jpg")), "human-rated": list(rated.paths), "references": clean}
    rng = np.random.default_rng(seed)
    return {name: [paths[i] for i in rng.permutation(len(paths))[:OF_EACH]] for name, paths in sets.items() if paths}


def tiles(paths: Sequence[Path], settings: TileSettings, size: int = 4) -> Iterator[Pixels]:
    """Their tiles, the tiles of `size` photos at once: batches of tiles x side x side x 3."""
    for start in range(0, len(paths), size):
        yield np.concatenate([cut(read_rgb(path), settings) for path in paths[start : start + size]])
