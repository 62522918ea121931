"""All that can be told of one photo without the model: bytes in, numbers and tiles out; the pixels are dropped here."""

from dataclasses import dataclass, field, replace

from models.tiles import TileSettings, cut
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.identity import phash, sha256
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.measures import look, measure
from transforms.imaging.types import Assessment, Photo

_SOLID = 0.995
"""Share of the photo without any change from which there is nothing to score."""


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
    blank = measures["blank"] >= _SOLID
    return Assessment(
        header=replace(photo.header, notes=photo.notes),
        sha256=digest,
        phash=phash(view.small),
        measures=measures,
        region=view.region.box,
        region_confidence=view.region.confidence,
        tiles=None if blank else cut(photo.pixels, settings.tiles),
        unscored="blank" if blank else None,
    )
