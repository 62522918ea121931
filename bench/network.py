"""Fit the tiny networks of the measures (`measures/network.py`), and store them."""

import json
from pathlib import Path

import numpy as np

from transforms.imaging.measures.network import CLIPPED, Network

BATCH = 512
DECAY = 1e-2
RATE = 4e-3
NETS = 2
"""Their mean is stored, as one network of all their units: two that start differently differ less from the next two."""


def fit_network(
    x: np.ndarray, truth: np.ndarray, weight: np.ndarray, units: int, steps: int = 2500, noise: float = 0.3
) -> Network:
    """Fit rows x numbers to truth (0 or 1), each row of its weight; `noise` is added to the standardized numbers."""
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    normal = np.clip((x - mean) / scale, -CLIPPED, CLIPPED).astype(np.float32)
    chance = weight / weight.sum()
    nets = [_descend(normal, truth, chance, units, steps, noise, seed) for seed in range(NETS)]
    hidden, offset = (np.concatenate([net[part] for net in nets]) for part in (0, 1))
    out, bias = (np.concatenate([net[part][0] for net in nets]) for part in (2, 3))
    return Network(mean, scale, hidden, offset[:, 0], out / NETS, float(bias.mean()))


def balanced(truth: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return weights of which both answers have as much."""
    share = np.average(truth, weights=weight)
    return np.asarray(weight * np.where(truth, 0.5 / share, 0.5 / (1 - share)))


def store(network: Network, target: Path, **more: object) -> None:
    """Write a network to a file of JSON, to five digits."""
    short = lambda values: np.vectorize(lambda v: float(f"{v:.5g}"))(values).tolist()  # noqa: E731
    kept = {name: short(getattr(network, name)) for name in Network.__slots__}
    target.write_text(json.dumps({**more, **kept}) + "\n", encoding="utf-8")


def _descend(
    normal: np.ndarray, truth: np.ndarray, chance: np.ndarray, units: int, steps: int, noise: float, seed: int
) -> list[np.ndarray]:
    """Fit hidden weights and offsets, output weights and offset by Adam, on rows drawn by their chance."""
    rng = np.random.default_rng(seed)
    count = normal.shape[1]
    parts = [
        rng.normal(0, count**-0.5, (units, count)).astype(np.float32),
        np.zeros((units, 1), np.float32),
        rng.normal(0, units**-0.5, (1, units)).astype(np.float32),
        np.zeros((1, 1), np.float32),
    ]
    first, second = ([np.zeros_like(part) for part in parts] for _ in range(2))
    for step, some in enumerate(rng.choice(len(normal), (steps, BATCH), p=chance), 1):
        x = normal[some].T + rng.normal(0, noise, (count, BATCH)).astype(np.float32)
        h = np.maximum(parts[0] @ x + parts[1], 0)
        error = (1 / (1 + np.exp(-(parts[2] @ h + parts[3]))) - truth[some]) / BATCH
        back = (parts[2].T @ error) * (h > 0)
        slopes = (back @ x.T, back.sum(1, keepdims=True), error @ h.T, error.sum(1, keepdims=True))
        rate = RATE * min(1.0, 2 * (steps - step) / steps + 0.02)
        for part, one, two, slope in zip(parts, first, second, slopes, strict=True):
            one += 0.1 * (slope - one)
            two += 0.01 * (slope**2 - two)
            part -= rate * (one / (1 - 0.9**step)) / (np.sqrt(two / (1 - 0.99**step)) + 1e-8)
        for part in (parts[0], parts[2]):
            part *= 1 - rate * DECAY
    return parts
