"""The verdicts on a fixed list of photos, as they were looked at: a change is to be seen in review, not waved through.

When this fails, its message names a folder with each changed verdict drawn over its photo. Look at them; then mend the
code, or, where the new verdict is the better one, run `python -m bench.verdict_snapshot` and say in the commit what is to be seen.
"""

import cv2
import numpy as np
import pytest

from bench.verdict_snapshot import SAMPLES, TEXT, draw, judged, line, photos


def test_every_verdict_is_the_one_that_was_looked_at(tmp_path):
    seen = TEXT.read_text(encoding="utf-8").splitlines()
    now, changed = [], []
    for name, photo in photos():
        assessment, judgement = judged(photo)
        now.append(line(name, judgement))
        if now[-1] not in seen:
            changed.append(now[-1])
            picture = draw(photo, assessment, judgement, name)
            cv2.imwrite(str(tmp_path / f"{len(changed)}.png"), np.ascontiguousarray(picture[..., ::-1]))
    if now != seen:
        pytest.fail(f"look at {tmp_path}\nnow: {changed}\nwas: {[old for old in seen if old not in now]}")


def test_every_sample_is_on_the_list_and_some_are_ruined():
    names = {name for name, _ in photos()}
    assert {path.name for path in SAMPLES.glob("*.jpg")} - {"note.jpg"} <= names
    assert any("cut off" in name for name in names)
