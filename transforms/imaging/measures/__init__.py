"""What can be measured of a photo without a model: one family a file, each a tuple `MEASURES` and `measure(view)`.

>>> measure(look(pixels))["dim_stops"]

gives one finite float, or NaN, for each of `MEASURES`. One family, `photographic`, measures no view but what the others gave.
"""

import math

from transforms.imaging.measures import (
    blank,
    border,
    cast,
    clipping,
    clutter,
    compression,
    contrast,
    drawn,
    exposure,
    framing,
    glare,
    ground,
    light,
    noise,
    overlay,
    photographic,
    resolution,
    saturation,
    screen,
    sharpness,
    tint,
)
from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View, look

FAMILIES = (
    sharpness,
    exposure,
    contrast,
    noise,
    compression,
    cast,
    tint,
    saturation,
    light,
    resolution,
    blank,
    ground,
    framing,
    clutter,
    border,
    drawn,
    clipping,
    overlay,
    screen,
    glare,
    photographic,
)
"""The files of measures, in the order of the record's columns."""

MEASURES: tuple[Measure, ...] = tuple(declared for family in FAMILIES for declared in family.MEASURES)
"""Every measure; names are columns of the record, so they are only ever added."""


def measure(view: View, *, writing: bool = True) -> dict[str, float]:
    """Return every measure of a photo by name: finite floats, NaN where one could not be made.

    `photographic` is last: it looks at what the others found. Without `writing` no text is looked for (NaN): that costs more
    than all else, and no mend of a photo writes on it.
    """
    values: dict[str, float] = {}
    for family in FAMILIES:
        if family is overlay and not writing:
            values.update((declared.name, math.nan) for declared in overlay.MEASURES)
        elif family is photographic:
            values.update(photographic.measure(values))
        else:
            values.update(family.measure(view))
    return values


__all__ = ["FAMILIES", "MEASURES", "Measure", "View", "look", "measure"]
