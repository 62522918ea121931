"""The pictures in docs/images, made by the program from the samples: python -m bench.pictures.

Only samples appear in them, for they are CC0.
"""

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from pipelines import cli
from pipelines.sql import connect
from transforms.identity import file_path
from transforms.imaging.types import Pixels
from transforms.sinks.output import name_output

PAIR = "samples/underlit-tshirt.jpg"
PLACE = Path("docs/images/before-after.jpg")
GAP = 12
"""White between the two, px."""


def before_and_after(photo: str) -> tuple[Pixels, Pixels]:
    """Return a photo as received and as delivered, BGR, after a run of the program on it."""
    with tempfile.TemporaryDirectory() as folder:
        if cli.main(["batch", "--quiet", "--input", photo, "--output", folder]):
            sys.exit(1)
        ((verdict, received, delivered),) = (
            connect(name_output(folder)).execute("select verdict, uri, delivered_uri from quality").fetchall()
        )
        if verdict != "improve":
            sys.exit(f"{photo}: the verdict is {verdict}, nothing was mended")
        before, after = (cv2.imread(file_path(uri).decode()) for uri in (received, delivered))
    assert before is not None and after is not None
    return before, after  # type: ignore[return-value]


def main() -> None:
    """Write the pair side by side: left as received, right as delivered."""
    before, after = before_and_after(PAIR)
    gap = np.full((before.shape[0], GAP, 3), 255, np.uint8)
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(PLACE), np.hstack([before, gap, after]), [cv2.IMWRITE_JPEG_QUALITY, 90])
    print(f"{PLACE}: {PAIR}, left as received, right as delivered")


if __name__ == "__main__":
    main()
