"""Draw `docs/verdicts.jpg`: the repository's samples with region, verdict and reasons over them.

python -m bench.verdict_sheet [--output docs/verdicts.jpg]
"""

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from transforms.errors import RefusalError
from transforms.imaging.assess import assess
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.explain import explain
from transforms.imaging.policy import conclude, judge

_CELL = 260, 400
_COLUMNS = 6


def main() -> None:
    """Draw every sample that is a photo into one sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, default=Path("samples"))
    parser.add_argument("--output", type=Path, default=Path("docs/verdicts.jpg"))
    args = parser.parse_args()
    cells = [cell for path in sorted(args.samples.glob("*.jpg")) if (cell := draw(path)) is not None]
    blank = np.full_like(cells[0], 255)
    cells += [blank] * (-len(cells) % _COLUMNS)
    sheet = np.vstack([np.hstack(cells[i : i + _COLUMNS]) for i in range(0, len(cells), _COLUMNS)])
    options = [cv2.IMWRITE_JPEG_QUALITY, 80]
    args.output.write_bytes(cv2.imencode(".jpg", np.ascontiguousarray(sheet[..., ::-1]), options)[1].tobytes())


def draw(path: Path) -> np.ndarray | None:
    """Return one cell, None for what is no photo."""
    data = path.read_bytes()
    try:
        assessment = assess(data)
    except RefusalError:
        return None
    found = judge(assessment, None)
    drawn = explain(decode(data, DecodeLimits()).pixels, assessment, replace(found, verdict=conclude(found)))
    scale = min(_CELL[0] / drawn.shape[1], _CELL[1] / drawn.shape[0])
    small = cv2.resize(drawn, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cell = np.full((_CELL[1], _CELL[0], 3), 255, np.uint8)
    cell[: small.shape[0], : small.shape[1]] = small
    return cell


if __name__ == "__main__":
    main()
