"""One logistic line over numbers that are cheap to have: what the small detectors are, and what their fits share."""

import zlib
from typing import NamedTuple

import numpy as np

from bench.fit_blur import logistic


class Line(NamedTuple):
    """Log-odds are (numbers - mean) / scale, clipped at `reach`, times weights, plus offset."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    offset: float
    reach: float = np.inf

    def odds(self, numbers: np.ndarray) -> np.ndarray:
        """Return the log-odds of each row (or of whatever has the numbers last)."""
        standard = np.clip((numbers - self.mean) / self.scale, -self.reach, self.reach)
        return np.asarray(standard @ self.weights + self.offset)

    def stored(self) -> dict[str, object]:
        """Return what the measure's file keeps, to five digits."""
        arrays = zip(("mean", "scale", "weights"), self[:3], strict=True)
        return {name: [float(f"{v:.5g}") for v in part] for name, part in arrays} | {"offset": round(self.offset, 4)}


def fit_line(x: np.ndarray, truth: np.ndarray, weight: np.ndarray, penalty: float, reach: float = np.inf) -> Line:
    """Fit rows x numbers to truth (0 or 1), each row of its weight; numbers are brought to mean 0 and deviation 1 first."""
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    classes = logistic(np.clip((x - mean) / scale, -reach, reach), truth, weight, penalty)
    line = classes[1] - classes[0]
    return Line(mean, scale, line[:-1], float(line[-1]), reach)


def fold(group: str, folds: int) -> int:
    """Deal a seller or a SKU to one of so many folds, by its name, so for ever."""
    return zlib.crc32(group.encode()) % folds
