"""The verdicts on the repository's own photos, as they were looked at: a change is to be seen in review, not waved through.

When one fails, its message names a picture with the new verdict drawn over the photo. Look at it; then mend the code, or, where
the new verdict is the better one, change the line below and `docs/verdicts.jpg` (`python -m bench.verdict_sheet`) and say in the
commit what is to be seen.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest

from transforms.imaging.assess import assess
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.explain import explain
from transforms.imaging.policy import conclude, judge

SAMPLES = Path(__file__).parents[3] / "samples"

SEEN: dict[str, tuple[str, list[str]]] = {
    "black-shirt.jpg": ("accept", []),
    "blue-jumper.jpg": ("accept", []),
    "blurred-blazer.jpg": ("accept", ["enlarged"]),
    "dark-hoodie.jpg": ("accept", []),
    "dim-boots.jpg": ("accept", ["dark"]),
    "dull-tshirt.jpg": ("accept", ["dark", "low_contrast"]),
    "hazy-shirt.jpg": ("accept", ["low_contrast"]),
    "patterned-trousers.jpg": ("accept", ["dark"]),
    "red-jacket.jpg": ("accept", []),
    "moved-trousers.jpg": ("retake", ["motion"]),
    "smeared-dress.jpg": ("accept", []),
    "underlit-tshirt.jpg": ("accept", ["dark"]),
    "white-tshirt.jpg": ("accept", []),
    "yellowish-blouse.jpg": ("accept", ["low_contrast", "cast"]),
}


def test_every_sample_has_been_looked_at():
    photos = {path.name for path in SAMPLES.glob("*.jpg")} - {"note.jpg"}
    assert photos == set(SEEN)


@pytest.mark.parametrize("name", sorted(SEEN))
def test_the_verdict_is_the_one_that_was_looked_at(name, tmp_path):
    data = (SAMPLES / name).read_bytes()
    assessment = assess(data)
    found = judge(assessment, None)
    now = conclude(found), [reason.code for reason in found.reasons]
    if now != SEEN[name]:
        picture = tmp_path / f"{name}.png"
        drawn = explain(decode(data, DecodeLimits()).pixels, assessment, found)
        picture.write_bytes(cv2.imencode(".png", np.ascontiguousarray(drawn[..., ::-1]))[1].tobytes())
        pytest.fail(f"{name}: was {SEEN[name]}, is {now}; look at {picture}")
