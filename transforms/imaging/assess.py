"""All that can be told of one photo without the model: bytes in, numbers and tiles out; the pixels are dropped here."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from models.tiles import TileSettings, cut
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.identity import phash, sha256
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.measures import look, measure
from transforms.imaging.types import Assessment, Photo

_SOLID = 0.995
"""Share of the photo without any change from which there is nothing to score."""
_DRAWN = 3.0
"""Log-odds of no photograph from which no opinion of photos is asked; none of 700 real ones that were not fitted on has as much."""
_LINES, _WRITTEN = 10.0, 0.35
"""Lines of writing, and share of the picture under them, from which it is a page of text."""


@dataclass(frozen=True, slots=True)
class AssessSettings:
    """What assessing needs: the decoder's limits and the tiles' geometry."""

    decode: DecodeLimits = field(default_factory=DecodeLimits)
    tiles: TileSettings = field(default_factory=TileSettings)


def assess(data: bytes, settings: AssessSettings | None = None, *, isolated: bool = False) -> Assessment:
    """Decode and assess a file; `isolated` decodes it in another process, whatever its format.

    Raises:
        RefusalError: the bytes are no photo that can be decoded within the limits.
    """
    settings = settings or AssessSettings()
    return assess_photo(decode(data, settings.decode, isolated=isolated), sha256(data), settings)


def assess_photo(photo: Photo, digest: str, settings: AssessSettings | None = None) -> Assessment:
    """Assess decoded pixels; `digest` is the SHA-256 of the bytes that they stand for."""
    settings = settings or AssessSettings()
    view = look(photo.pixels, photo.jpeg_quality)
    measures = measure(view)
    unscored = why_unscored(measures)
    return Assessment(
        header=replace(photo.header, notes=photo.notes),
        sha256=digest,
        phash=phash(view.small),
        measures=measures,
        region=view.region.box,
        region_confidence=view.region.confidence,
        tiles=None if unscored else cut(photo.pixels, settings.tiles),
        unscored=unscored,
    )


def why_unscored(measures: Mapping[str, float]) -> str | None:
    """Say why a picture has nothing that people's opinion of photos could speak of, as a code of `UNSCORED`; None for a photo."""
    if measures["blank"] >= _SOLID:
        return "blank"
    if measures["text_lines"] >= _LINES and measures["text_cover"] >= _WRITTEN:
        return "text_only"
    return "not_a_photo" if measures["unphotographic"] >= _DRAWN else None
