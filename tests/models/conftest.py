"""Photos to score: the repository's own samples."""

from pathlib import Path

import numpy as np
import pytest

from models.dataset import read_rgb
from models.tiles import TileSettings, cut

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="session")
def photos() -> list[np.ndarray]:
    """Eight sample photos as pixels."""
    return [read_rgb(path) for path in sorted(SAMPLES.glob("*-*.jpg"))[:8]]


@pytest.fixture(scope="session")
def tiles(photos) -> np.ndarray:
    """Their tiles: 8 x tiles x side x side x 3."""
    return np.stack([cut(photo, TileSettings()) for photo in photos])
