"""What is made of one photo: its spoilt versions as files, each with what is known of it.

A clean photo is spoilt in the order in which things happen to a photo: optics and motion, light, sensor, processing, resizing;
then it is stored twice, once as by a camera and once as by a shop's upload form. Each way is taken in growing steps with the
same draw of all else, and some versions have several ways at once. The parts share no strength: selection and test take those
between the steps of training (`models.examples.strength`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.data.likeness import Likeness, likeness
from models.data.parts import CLEAN, TRAINING, Source
from models.dataset import read_rgb
from models.distortions import (
    DISTORTIONS,
    Distortion,
    compressed,
    in_physical_order,
    read,
    spoil_in_order,
    stored,
)
from models.examples import CELLS, SIDES, labels, sized, strength
from models.scalars import scalars_of_pixels
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.types import Pixels

MIXED = 4
"""Versions of each clean photo with two or three defects at once."""
CAMERA, UPLOAD = (90, 99), (82, 96)
"""JPEG qualities, from and below: of a camera's own file, and of what an upload form makes of it."""
WEBP_SHARE = 0.25
"""Of what upload forms store."""
LOSSLESS = 101
"""OpenCV's WebP quality without loss: a clean photo is kept as it is."""

OPPOSITES = ("under_exposure", "over_exposure")
"""Never in one version: each undoes the other, and the label would name both."""

Steps = Sequence[tuple[Distortion, float]]


@dataclass(frozen=True)
class Made:
    """One version: the file, and what is known of it.

    `defects` has 1, 0 or `UNKNOWN` for each of `DEFECTS`, and is None where nobody knows; so is `likeness` where there is no
    clean photo. `ways` names the defects made, in order, `strengths` (0..1) how much of each; `scalars` are `SCALARS`.
    """

    source: Source
    version: str
    data: bytes
    format: str
    scalars: npt.NDArray[np.float32]
    ways: tuple[str, ...] = ()
    strengths: tuple[float, ...] = ()
    defects: npt.NDArray[np.float32] | None = None
    likeness: Likeness | None = None
    size: tuple[int, int] = (0, 0)
    """Height and width, px."""


def versions(source: Source, seed: int) -> Iterator[Made]:
    """Everything that is made of a photo: of a clean one it and its spoilt versions, of any other one its file as it is.

    Raises:
        UserError: it cannot be read as an image.
        RefusalError: as `transforms.imaging.codec.decode.decode`.
    """
    return _spoilt(source, seed) if source.part in CLEAN else _as_it_is(source)


def _as_it_is(source: Source) -> Iterator[Made]:
    data = source.path.read_bytes()
    photo = decode(data, DecodeLimits())
    scalars = scalars_of_pixels(photo.pixels, photo.jpeg_quality)
    yield Made(source, "as it is", data, photo.header.format, scalars, size=_size(photo.pixels))


def _spoilt(source: Source, seed: int) -> Iterator[Made]:
    rng = np.random.default_rng([seed, *source.seeded])
    clean = sized(read_rgb(source.path), int(rng.integers(*SIDES)))
    yield Made(
        source,
        "clean",
        stored(clean, "webp", LOSSLESS),
        "webp",
        scalars_of_pixels(clean),
        defects=labels(()),
        likeness=Likeness(0.0, 1.0, 1.0),
        size=_size(clean),
    )
    for name, steps, draw in plan(rng, unseen=source.part != TRAINING):
        data, kind = spoil(clean, steps, np.random.default_rng(draw))
        photo = decode(data, DecodeLimits())
        ways = tuple(distortion for distortion, _ in steps)
        yield Made(
            source,
            name,
            data,
            kind,
            scalars_of_pixels(photo.pixels, photo.jpeg_quality),
            tuple(way.defect for way in ways),
            tuple(amount for _, amount in steps),
            labels(ways),
            likeness(photo.pixels, clean),
            _size(photo.pixels),
        )


def plan(rng: np.random.Generator, *, unseen: bool) -> Iterator[tuple[str, Steps, int]]:
    """What is done to a clean photo: a version's name, its steps in physical order, and the seed of what else is drawn.

    Args:
        rng: what strengths and seeds are drawn by.
        unseen: take strengths that no photo of the training part has.
    """
    cells = range(1, CELLS, 2) if unseen else range(0, CELLS, 2)
    for distortion in in_physical_order(DISTORTIONS):
        draw = int(rng.integers(2**32))
        for step, cell in enumerate(cells):
            yield f"{distortion.defect} {step + 1}", [(distortion, float((cell + rng.random()) / CELLS))], draw
    for mixed in range(MIXED):
        spared = rng.choice(OPPOSITES)
        others = [way for way in DISTORTIONS if way.defect != spared]
        chosen = rng.choice(len(others), int(rng.integers(2, 4)), replace=False)
        ways = in_physical_order(others[index] for index in chosen)
        yield f"mixed {mixed + 1}", [(way, strength(rng, unseen)) for way in ways], int(rng.integers(2**32))


def spoil(clean: Pixels, steps: Steps, rng: np.random.Generator) -> tuple[bytes, str]:
    """Take a photo through its steps and store it twice: the file and its format.

    A step of compression is the second storing itself; whatever the steps draw, versions of one seed are stored alike.
    """
    camera, upload = int(rng.integers(*CAMERA)), int(rng.integers(*UPLOAD))
    kind = "webp" if rng.random() < WEBP_SHARE else "jpeg"
    before = [(way, amount) for way, amount in steps if way.defect != "compression"]
    pixels = read(stored(spoil_in_order(clean, before, rng), "jpeg", camera))
    for way, amount in steps:
        if way.defect == "compression":
            data = compressed(pixels, amount, rng)
            return data, "webp" if data[:4] == b"RIFF" else "jpeg"
    return stored(pixels, kind, upload), kind


def _size(pixels: Pixels) -> tuple[int, int]:
    return pixels.shape[0], pixels.shape[1]
