import io

import numpy as np
from PIL import Image

from transforms import steps
from transforms.errors import RefusalError
from transforms.fetch import FetchSettings
from transforms.imaging.types import Prediction, Seen
from transforms.records import ImageEvent, dead_letter, event_from_payload
from transforms.stage import refuse
from transforms.steps import Rules


def jpeg(level: int) -> bytes:
    random = np.random.default_rng(0)
    pixels = np.clip(random.normal(level, level / 3, (200, 160, 3)), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def test_a_dead_letter_of_any_stage_keeps_the_photo_that_came_inside_its_event():
    event = ImageEvent(event_id="a", uri="https://host/a.jpg", data=b"no photo at all")
    case = steps.fetch(event, FetchSettings(), Rules())
    letter = refuse(case, "assess", RefusalError("not_an_image", "no"))
    assert event_from_payload(letter.payload).data == b"no photo at all"


def test_a_fault_is_a_dead_letter_that_names_it():
    event = ImageEvent(event_id="a", uri="file:///a.jpg")
    letter = refuse(event, "judge", ZeroDivisionError("by zero"))
    assert (letter.code, letter.stage) == ("internal_error", "judge") and "ZeroDivisionError" in letter.message
    assert letter.uri == dead_letter(event, "x", RefusalError("corrupt", ""), letter.failed_at).uri


def test_examine_scores_judges_and_keeps_the_original_where_nothing_is_mended():
    scored: list[tuple[int, ...]] = []

    def score(seen: Seen) -> Prediction:
        assert set(seen.measures) >= {"noise", "blank"}
        scored.append(seen.tiles.shape)
        return Prediction(50.0, 40.0, 60.0)

    event = ImageEvent(event_id="a", uri="https://host/a.jpg", data=jpeg(128))
    case = steps.examine(steps.fetch(event, FetchSettings(), Rules()), Rules(), score)
    assert case.judgement is not None and scored
    if case.original is None:
        assert case.data == event.data and len(scored) == 1
    else:
        assert case.original.data == event.data and len(scored) == 2
