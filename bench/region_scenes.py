"""Scenes whose product is known: garments cut out of plain grounds, laid on the grounds of other sellers' photos.

On a plain ground the product is what lies far from a plane through the border's colours; where that is beyond doubt and
touches no edge, it is a cut-out. A home ground is an upload whose product was covered by its own ground, mirrored. What is
made of the two has shadows, other light, JPEG 70, and now and then a part cut off.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging import spoil
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.measures.region import to_lab
from transforms.imaging.measures.region_features import ground_plane
from transforms.imaging.measures.view import shrink
from transforms.imaging.preprocess import smooth_gaussian
from transforms.imaging.types import Pixels

Mask = npt.NDArray[np.bool_]
_SIDE = 256
_PLAIN = 7.0
_BEYOND_DOUBT = 22.0
_FAIR = 8.0


@dataclass(frozen=True)
class Scene:
    """A photo with its true mask, and who its product and its ground are from (a seller or a SKU)."""

    pixels: Pixels
    mask: Mask
    product_of: str
    ground_of: str

    @property
    def made(self) -> bool:
        """Whether the product was laid on another's ground."""
        return self.product_of != self.ground_of


@dataclass(frozen=True)
class Cut:
    """A photo of 256 px split by the plane of its ground: the mask and how far apart the two are, ΔE."""

    group: str
    pixels: Pixels
    mask: Mask
    plain: bool
    gap: float

    @property
    def whole(self) -> bool:
        """Whether the product may be cut out: beyond doubt, of middling size and away from the edges."""
        edges = (self.mask[0], self.mask[-1], self.mask[:, 0], self.mask[:, -1])
        apart = self.plain and self.gap >= _BEYOND_DOUBT and 0.08 < self.mask.mean() < 0.6
        return apart and max(edge.mean() for edge in edges) < 0.05


def read_photos(data: Path) -> list[tuple[str, Pixels]]:
    """Read (group, pixels of 256 px) of all uploads and every studio photo that has a SKU."""
    with (data / "uploads" / "uploads.csv").open() as table:
        found = [("seller" + row["seller_id"], data / "uploads" / row["file"]) for row in csv.DictReader(table)]
    studio = sorted((data / "references/studio").glob("*.jpg"))
    found += [("sku" + path.name.split("-")[0], path) for path in studio]
    return [(group, shrink(decode(path.read_bytes(), DecodeLimits()).pixels, _SIDE)) for group, path in found]


def split_by_plane(group: str, pixels: Pixels) -> Cut:
    """Split a photo by its ground's plane."""
    lab = to_lab(smooth_gaussian(pixels))
    ground, spread = ground_plane(lab)
    off = lab - ground
    off[..., 0] *= 0.6
    distance = np.sqrt((off**2).sum(axis=2))
    otsu, _ = cv2.threshold(np.clip(distance * 2, 0, 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    plain = spread < _PLAIN
    mask = (distance > (np.clip(otsu / 2, 9.0, 25.0) if plain else max(9.0, otsu / 2, 2 * spread))).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = np.concatenate([[False], areas >= areas.max() * 0.2]) if count > 1 else np.zeros(count, bool)
    outlines, _ = cv2.findContours(kept[labels].astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(mask), outlines, -1, 1, cv2.FILLED)
    # A hole as large as the gap between two legs is ground; a smaller one is a print of the ground's colour.
    holes = cv2.morphologyEx(filled & (distance < 6.0), cv2.MORPH_OPEN, np.ones((11, 11), np.uint8))
    found = (filled & ~holes).astype(bool)
    if not 0.01 < found.mean() < 0.97:
        return Cut(group, pixels, found, plain, 0.0)
    return Cut(group, pixels, found, plain, float(np.median(distance[found]) - np.percentile(distance[~found], 75)))


def scenes(photos: Sequence[tuple[str, Pixels]], count: int, rng: np.random.Generator) -> Iterator[Scene]:
    """Yield `count` made scenes, then the plain photos as they are, then grounds without any product."""
    cuts = [split_by_plane(group, pixels) for group, pixels in photos]
    home = [cut for cut in cuts if cut.whole and cut.group.startswith("seller")]
    studio = [cut for cut in cuts if cut.whole and cut.group.startswith("sku")]
    grounds = [c for c in cuts if c.group.startswith("seller") and c.gap > _FAIR and c.mask.mean() < 0.6]
    busy, plain = [c for c in grounds if not c.plain], [c for c in grounds if c.plain]
    for _ in range(count):
        product = _pick(home if rng.random() < 0.75 else studio, rng)
        ground = _pick(busy if rng.random() < 0.7 else plain, rng)
        scene = lay(product, ground, rng)
        if scene.made and 0.04 < scene.mask.mean() < 0.85:
            yield scene
    for cut in home + studio[::6]:
        yield Scene(cut.pixels, cut.mask, cut.group, cut.group)
    for ground in busy[:: max(1, len(busy) // 40)]:
        yield Scene(cover(ground), np.zeros(ground.mask.shape, bool), ground.group, ground.group)


def _pick(cuts: Sequence[Cut], rng: np.random.Generator) -> Cut:
    return cuts[int(rng.integers(len(cuts)))]


def cover(cut: Cut) -> Pixels:
    """Cover a photo's product with its own ground, mirrored and shifted."""
    height, width = cut.mask.shape
    hidden = cv2.dilate(cut.mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    ground, left = cut.pixels.copy(), hidden.copy()
    moves = (np.fliplr, np.flipud, lambda a: a[::-1, ::-1], lambda a: np.roll(a, width // 2, 1))
    more = (lambda a: np.roll(a, height // 2, 0), lambda a: np.roll(a, (height // 2, width // 2), (0, 1)))
    for move in (*moves, *more):
        free = left & ~move(hidden)
        ground[free] = move(cut.pixels)[free]
        left &= ~free
    return np.asarray(cv2.inpaint(ground, left.astype(np.uint8), 3, cv2.INPAINT_TELEA), np.uint8)


def lay(product: Cut, ground: Cut, rng: np.random.Generator) -> Scene:
    """Lay one photo's product on another's ground."""
    sheet = cover(ground)
    height, width = sheet.shape[:2]
    rows, columns = np.flatnonzero(product.mask.any(axis=1)), np.flatnonzero(product.mask.any(axis=0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    inner = cv2.erode(product.mask.astype(np.uint8), np.ones((3, 3), np.uint8))[part].astype(np.float32)
    item = product.pixels[part].astype(np.float32) * (rng.uniform(0.6, 1.15) if rng.random() < 0.7 else 1.0)
    if rng.random() < 0.5:
        item, inner = np.fliplr(item), np.fliplr(inner)
    scale = min(height / item.shape[0], width / item.shape[1]) * rng.uniform(0.6, 1.08)
    left, top = rng.normal(width / 2, width * 0.05), rng.normal(height / 2, height * 0.05)
    move = np.array(
        [[scale, 0, left - scale * item.shape[1] / 2], [0, scale, top - scale * item.shape[0] / 2]], np.float64
    )
    laid = cv2.warpAffine(np.ascontiguousarray(item), move, (width, height))
    mask = cv2.warpAffine(np.ascontiguousarray(inner), move, (width, height))
    alpha = cv2.GaussianBlur(mask, (0, 0), 0.8)[..., None]
    fall = np.array([[1, 0, rng.uniform(-6, 6)], [0, 1, rng.uniform(0, 8)]])
    shadow = cv2.GaussianBlur(cv2.warpAffine(mask, fall, (width, height)), (0, 0), rng.uniform(2, 6))[..., None]
    mixed = sheet * (1 - shadow * rng.uniform(0, 0.5)) * (1 - alpha) + laid * alpha
    photo, where = np.clip(mixed, 0, 255).astype(np.uint8), mask > 0.5
    if rng.random() < 0.25:
        side, share = int(rng.integers(4)), float(rng.uniform(0.1, 0.4))
        photo = spoil.cut_third(photo, side, share)
        where = spoil.cut_third(where.astype(np.uint8), side, share) > 0
    return Scene(spoil.compress(photo, 70), where, product.group, ground.group)
