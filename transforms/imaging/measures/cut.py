"""Whether an edge of the frame cuts the product: what its mask looks like at each side, and a network fitted to cut photos.

Contact with an edge is not enough: jeans that fill the frame touch two sides and are whole. What tells is how wide the
product is where it meets the edge, against its widest and just inside; whether it also meets the opposite side; and whether
its shape is symmetric about its own middle, which a garment is, and one that lost a third is not; and whether what meets the
edge looks like the product or like the ground (`cut_contact.py`). Fitted by `bench/fit_cut.py`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from transforms.imaging.measures.cut_contact import describe_contact
from transforms.imaging.measures.network import load_network
from transforms.imaging.measures.region import Region

NAMES = (
    "contact", "longest_run", "contact_of_widest", "inner_of_widest", "narrowing", "free_beyond", "contact_opposite",
    "contact_beside", "contact_beside_least", "middle", "symmetry_along", "symmetry_across", "nearer_half", "share",
    "confidence", "sure_contact", "sure_contact_of_widest", "elongation", "run_and_opposite", "symmetric_across",
    "symmetric_along",
)  # fmt: skip
"""What `describe_shape` gives of each side."""

SIDES = ("left", "right", "top", "bottom")


def cut_odds(region: Region) -> float:
    """Return the log-odds that the likeliest side cuts the product; 0 is even odds at the fit's mix of photos."""
    odds = load_network("cut_weights.json").odds(describe_sides(region))
    return float(np.clip(odds.max(), -20.0, 20.0))


def describe_sides(region: Region) -> npt.NDArray[np.float64]:
    """Describe how the product meets each of `SIDES`: 4 x numbers, those of `NAMES` and then those of `cut_contact.NAMES`."""
    return np.hstack([describe_shape(region.likely, region.confidence), describe_contact(region.pixels, region.likely)])


def describe_shape(likely: npt.NDArray[Any], confidence: float) -> npt.NDArray[np.float64]:
    """Describe how the product meets each of `SIDES`: 4 x features, from how likely each pixel is product (0..1)."""
    rows = []
    for along in (likely.T, likely):
        mask = along > 0.5
        for depth, chance in ((mask, along[:2]), (mask[::-1], along[:-3:-1])):
            rows.append(_describe_side(depth, float(chance.mean()), confidence))
    return np.array(rows)


def _describe_side(mask: npt.NDArray[np.bool_], contact: float, confidence: float) -> list[float]:
    """Describe the side at the mask's first row."""
    height = len(mask)
    widths = mask.mean(axis=1)
    rows, columns = np.flatnonzero(widths), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return [0.0] * len(NAMES)
    widest = float(widths.max())
    inner, deep = widths[max(1, height // 10)], widths[min(height - 1, 3 * max(1, height // 10))]
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    total = float(box.sum())
    # Two masks of as many pixels share n of them: their overlap is n / (2 * total - n).
    both_along, both_across = float((box & box[::-1]).sum()), float((box & box[:, ::-1]).sum())
    along, across = both_along / (2 * total - both_along), both_across / (2 * total - both_across)
    beside = float(mask[:, 0].mean()), float(mask[:, -1].mean())
    run, opposite, meets = longest_run(mask[0]), float(widths[-1]), float(widths[0])
    return [
        contact, run, meets / widest, inner / widest, meets - deep, 1.0 - (rows[-1] + 1) / height, opposite,
        max(beside), min(beside), float(((np.arange(height) + 0.5) * widths).sum() / widths.sum() / height), along,
        across, float(box[: len(box) // 2].sum()) / total, float(widths.mean()), confidence, confidence * contact,
        confidence * meets / widest, float(np.log(len(box) / box.shape[1] + 0.1)), run * opposite, contact * across,
        contact * along,
    ]  # fmt: skip


def longest_run(touched: npt.NDArray[np.bool_]) -> float:
    """Return the length of the longest run of True as a share: trouser legs at an edge are two short ones."""
    changes = np.flatnonzero(np.diff(np.concatenate([[0], touched.astype(np.int8), [0]])))
    return float((changes[1::2] - changes[::2]).max() / touched.size) if changes.size else 0.0
