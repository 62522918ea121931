"""How many pixels there are."""

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_SOURCE = "pixel counts of the upright photo; marketplaces ask for 500 px and more"

MEASURES = (
    Measure("short_side", "px", 1.0, 1e6, "the shorter side: under 200 a product cannot be judged", _SOURCE),
    Measure("long_side", "px", 1.0, 1e6, "the longer side", _SOURCE),
)


def measure(view: View) -> dict[str, float]:
    """Return the photo's sides."""
    return {
        "short_side": float(min(view.width, view.height)),
        "long_side": float(max(view.width, view.height)),
    }
