"""The values that the plain functions pass to each other. Nothing here knows of Beam, and nothing is mutable but arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""Height x width x 3, uint8, sRGB, upright."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle as shares of the photo's width and height: each in 0..1, origin at the top left."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself before any pixel is decoded.

    `width` and `height` are in pixels after EXIF orientation; `format` is the lower-case name of the container
    (jpeg, png, webp, gif, bmp, tiff, heif, avif …); `mode` is Pillow's name of the stored layout.
    """

    format: str
    width: int
    height: int
    mode: str
    frames: int = 1
    orientation: int = 1
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded photo: upright 8-bit sRGB pixels, and what had to be done to them (`notes`, e.g. "alpha_on_white").

    `jpeg_quality` is the quality 1..100 estimated from the quantization tables, None for other formats.
    """

    pixels: Pixels
    header: Header
    notes: tuple[str, ...] = ()
    jpeg_quality: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the model is shown of one photo: tiles, uint8, tiles x side x side x 3; and what was measured of it, by name."""

    tiles: Pixels
    measures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one photo: opinion 0..100 (higher is better), its interval, defect probabilities 0..1.

    `unfamiliar`: the photo is unlike those that the opinion was taught by, so the score says little.
    """

    score: float
    low: float
    high: float
    defects: Mapping[str, float] = field(default_factory=dict)
    unfamiliar: bool = False


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing found wrong: a code of `transforms.reasons`, its severity 0..1, and where (None: the whole photo).

    `amount` fills the advice's blank in the unit the catalogue names (stops, pixels, percent), None where it has none.
    """

    code: str
    severity: float
    region: Box | None = None
    amount: float | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """All that is known of a photo without the model.

    `measures` has one finite float for each name in `measures.MEASURES` (NaN where a measure could not be made);
    `tiles` are the model's input, uint8, tiles x side x side x 3, None where there is nothing to score (blank photo);
    `unscored` then says why.
    """

    header: Header
    sha256: str
    phash: str
    measures: Mapping[str, float]
    region: Box
    region_confidence: float
    tiles: Pixels | None
    unscored: str | None = None

    @property
    def seen(self) -> Seen | None:
        """What the model is shown; None where there is nothing to score."""
        return None if self.tiles is None else Seen(self.tiles, self.measures)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a photo as it is: accept, improve or retake, with reasons, the worst first.

    `mend` names the reasons severe enough to act on that an operation may remove.
    """

    verdict: str
    band: str | None
    reasons: tuple[Reason, ...]
    mend: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """One operation tried on a photo: parameters, the defect's severity before and after, and the bound that it broke.

    `bound` is None for what was kept; otherwise the name of the bound in `guard.Bounds` that was broken, "evidence" where
    the photo does not prove the defect beyond doubt, or "operation" where nothing safe removes it.
    """

    operation: str
    parameters: Mapping[str, float | str]
    before: float
    after: float
    bound: str | None = None


@dataclass(frozen=True, slots=True)
class Mended:
    """What the optimizer did: the mended pixels, or None where nothing was kept; what was kept and what declined."""

    pixels: Pixels | None
    actions: tuple[Action, ...] = ()
    declined: tuple[Action, ...] = ()
