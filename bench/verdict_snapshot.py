"""Write the verdicts on a fixed list of photos, as text and as a picture, so that a change in any is seen in review.

    python -m bench.verdict_snapshot        # writes tests/transforms/imaging/verdicts.txt and docs/verdicts.jpg

The list is the repository's samples, and each way of ruining a photo applied to one of them. A test fails when a verdict or a
set of reasons is another than the text says. Then run this, look at the picture, and commit both, or mend the code.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from pipelines.evaluate_spoilt import RUINED
from transforms.errors import RefusalError
from transforms.imaging.assess import AssessSettings, assess_photo
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.explain import explain
from transforms.imaging.policy import conclude, judge
from transforms.imaging.types import Assessment, Judgement, Photo, Pixels

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
TEXT = ROOT / "tests" / "transforms" / "imaging" / "verdicts.txt"
SHEET = ROOT / "docs" / "verdicts.jpg"
TO_RUIN = ("red-jacket.jpg", "white-tshirt.jpg")
_CELL = 260, 400
_COLUMNS = 7


def photos() -> Iterator[tuple[str, Photo]]:
    """Yield the name and the pixels of every photo on the list, in one order."""
    for path in sorted(SAMPLES.glob("*.jpg")):
        try:
            yield path.name, decode(path.read_bytes(), DecodeLimits())
        except RefusalError:
            continue
    for name in TO_RUIN:
        whole = decode((SAMPLES / name).read_bytes(), DecodeLimits())
        for turn, (way, (ruin, _, _)) in enumerate(RUINED.items()):
            yield f"{name}, {way}", replace(whole, pixels=ruin(whole.pixels, np.random.default_rng(turn)))


def judged(photo: Photo) -> tuple[Assessment, Judgement]:
    """Judge a photo without the model and without mending."""
    assessment = assess_photo(photo, "", AssessSettings())
    found = judge(assessment, None)
    return assessment, replace(found, verdict=conclude(found))


def line(name: str, judgement: Judgement) -> str:
    """Write one photo's verdict and reasons, the worst first."""
    return f"{name}: {judgement.verdict}: {' '.join(reason.code for reason in judgement.reasons) or '-'}"


def draw(photo: Photo, assessment: Assessment, judgement: Judgement, name: str) -> Pixels:
    """Return the photo with what was found drawn over it, as a cell of the sheet."""
    drawn = explain(photo.pixels, assessment, judgement)
    scale = min(_CELL[0] / drawn.shape[1], (_CELL[1] - 18) / drawn.shape[0])
    small = cv2.resize(drawn, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cell = np.full((_CELL[1], _CELL[0], 3), 255, np.uint8)
    cell[18 : 18 + small.shape[0], : small.shape[1]] = small
    cv2.putText(cell, name, (2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return cell


def main() -> None:
    """Write the text and the sheet."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    lines, cells = [], []
    for name, photo in photos():
        assessment, judgement = judged(photo)
        lines.append(line(name, judgement))
        cells.append(draw(photo, assessment, judgement, name))
    TEXT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % _COLUMNS)
    sheet = np.vstack([np.hstack(cells[i : i + _COLUMNS]) for i in range(0, len(cells), _COLUMNS)])
    options = [cv2.IMWRITE_JPEG_QUALITY, 75]
    SHEET.write_bytes(cv2.imencode(".jpg", np.ascontiguousarray(sheet[..., ::-1]), options)[1].tobytes())
    print("\n".join(lines))


if __name__ == "__main__":
    main()
