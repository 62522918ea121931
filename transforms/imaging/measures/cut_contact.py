"""What the product's mask looks like in the photo where it meets the frame: product that goes on, or ground taken for it.

A shaded wall beside a cardigan is easily added to the mask, and reaches the edge. Such a contact has the ground's colour and
texture, not the product's, and an edge lies between it and the product's inside.
"""

from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.measures.region import to_lab

Array = npt.NDArray[Any]

NAMES = (
    "nearer_to_ground", "likelier_product", "edge_inside", "edge_over_usual", "texture_of_product", "texture_of_ground",
    "goes_on_inside", "from_product",
)  # fmt: skip
"""What `describe_contact` gives of each side."""

_RIM = 2
_LESS_LIGHT = np.array([0.6, 1.0, 1.0], np.float32)
_LEAST_SPREAD = 2.0
_NO_GROUND = 30.0, -20.0, 1.0


class _Part(NamedTuple):
    """Mean and spread of a part's colours (CIELAB), and the mean of its texture, L*."""

    mean: Array
    spread: Array
    texture: float


def describe_contact(pixels: npt.NDArray[np.uint8], likely: Array) -> npt.NDArray[np.float64]:
    """Describe how the photo meets the left, right, top and bottom: 4 x `NAMES`, zeros where the product does not.

    Args:
        pixels: sRGB, height x width x 3, at the size of `likely` (about 64 px).
        likely: how likely each pixel is product, 0..1, height x width.
    """
    found = np.zeros((4, len(NAMES)))
    mask = likely > 0.5
    touched = mask[:, :_RIM], mask[:, -_RIM:], mask[:_RIM], mask[-_RIM:]
    if not any(part.sum() >= _RIM for part in touched):
        return found
    lab = to_lab(pixels)
    texture = np.abs(lab[..., 0] - cv2.blur(lab[..., 0], (3, 3)))
    depth = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1, mode="edge"), cv2.DIST_L2, 3)[1:-1, 1:-1]
    core = _part(lab, texture, mask & (depth >= 0.4 * depth.max()))
    ground = _part(lab, texture, likely < 0.25)
    if core is None:
        return found
    for side, part in enumerate(touched):
        if part.sum() >= _RIM:
            across = side < 2
            turn = lambda a, across=across: a.swapaxes(0, 1) if across else a  # noqa: E731
            flip = slice(None, None, -1 if side % 2 else 1)
            slope = np.linalg.norm(cv2.Sobel(lab, cv2.CV_32F, int(across), int(not across)), axis=2) / 8
            found[side] = _describe(
                turn(mask)[flip], turn(lab)[flip], turn(texture)[flip], turn(slope)[flip], core, ground
            )
    return found


def _part(lab: Array, texture: Array, mask: Array) -> _Part | None:
    if mask.sum() <= 3:
        return None
    colours = lab[mask]
    return _Part(colours.mean(axis=0), colours.std(axis=0) + _LEAST_SPREAD, float(texture[mask].mean()))


def _describe(
    mask: Array, lab: Array, texture: Array, slope: Array, core: _Part, ground: _Part | None
) -> tuple[float, ...]:
    """Describe the contact at the first rows."""
    contact = np.zeros_like(mask)
    contact[:_RIM] = mask[:_RIM]
    colours = lab[contact]
    to_core = float(np.linalg.norm((colours.mean(axis=0) - core.mean) * _LESS_LIGHT))
    to_ground, odds_of_ground, ground_texture = _NO_GROUND
    likelihood = _likelihood(colours, core)
    if ground:
        to_ground = float(np.linalg.norm((colours.mean(axis=0) - ground.mean) * _LESS_LIGHT))
        ground_texture = ground.texture
        others = _likelihood(colours, ground)
    else:
        others = np.full(len(colours), odds_of_ground)
    columns, deep = contact.any(axis=0), max(3, len(mask) // 3)
    edge = float(slope[1:deep][:, columns].max(axis=0).mean())
    usual = float(slope[mask].mean()) + 0.5
    own = float(texture[contact].mean())
    return (
        float(np.log((to_core + 3) / (to_ground + 3))),
        float(np.clip(likelihood - others, -10, 10).mean()),
        float(np.log1p(edge)),
        float(np.log((edge + 1) / (usual + 1))),
        float(np.log((own + 0.3) / (core.texture + 0.3))),
        float(np.log((own + 0.3) / (ground_texture + 0.3))),
        float(mask[:deep][:, columns].all(axis=0).mean()),
        float(np.log1p(to_core)),
    )


def _likelihood(colours: Array, part: _Part) -> Array:
    """Log-likelihood of colours under a part's normal distribution, channel by channel, up to a constant."""
    return np.asarray(-(((colours - part.mean) / part.spread) ** 2).sum(axis=1) / 2 - np.log(part.spread).sum())
