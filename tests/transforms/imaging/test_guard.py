from dataclasses import fields

import cv2
import numpy as np
import pytest

from transforms.imaging.fixes.exposure import expose
from transforms.imaging.guard import Bounds, Touches, broken_by_pixels, broken_by_severity, structure, text_mask
from transforms.reasons import WHY_LEFT

BOUNDS = Bounds()


def scene() -> np.ndarray:
    rng = np.random.default_rng(5)
    coarse = rng.integers(40, 160, (12, 12, 3), np.uint8)
    return cv2.resize(coarse, (160, 160), interpolation=cv2.INTER_CUBIC)


def lettered() -> np.ndarray:
    photo = np.full((160, 320, 3), 200, np.uint8)
    cv2.putText(photo, "SILK 100%", (20, 90), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (20, 20, 20), 3)
    return photo


def test_a_gain_is_within_all_bounds():
    assert broken_by_pixels(scene(), expose(scene(), 1.5), Touches.TONE, BOUNDS) is None


def test_blurring_breaks_structure():
    fine = np.random.default_rng(0).integers(0, 256, (128, 128, 1), np.uint8).repeat(3, axis=2)
    assert broken_by_pixels(fine, cv2.GaussianBlur(fine, (0, 0), 3), Touches.TONE, BOUNDS) == "structure"


def test_another_size_breaks_structure():
    assert broken_by_pixels(scene(), scene()[:-1], Touches.TONE, BOUNDS) == "structure"


def test_turning_colours_breaks_hue():
    assert broken_by_pixels(scene(), scene()[..., ::-1].copy(), Touches.DETAIL, BOUNDS) in ("structure", "hue")
    turned = cv2.cvtColor(scene(), cv2.COLOR_RGB2HSV)
    turned[..., 0] = (turned[..., 0].astype(int) + 12) % 180
    assert broken_by_pixels(scene(), cv2.cvtColor(turned, cv2.COLOR_HSV2RGB), Touches.TONE, BOUNDS) in (
        "hue",
        "structure",
    )


def test_burning_out_breaks_clipping():
    bright = np.clip(scene().astype(int) * 2 + 60, 0, 255).astype(np.uint8)
    assert broken_by_pixels(scene(), bright, Touches.COLOUR_PROVEN, BOUNDS) in ("clipping", "structure")


def test_moving_all_colours_without_proof_breaks_colour():
    tinted = np.clip(scene() * np.array([1.3, 1.0, 0.5]), 0, 255).astype(np.uint8)
    assert broken_by_pixels(scene(), tinted, Touches.COLOUR, BOUNDS) == "colour"
    assert broken_by_pixels(scene(), tinted, Touches.COLOUR_PROVEN, BOUNDS) is None


def test_text_is_found_and_a_plain_scene_has_none():
    luma = cv2.cvtColor(lettered(), cv2.COLOR_RGB2GRAY).astype(np.float32)
    assert text_mask(luma)[75:85, 40:160].mean() > 0.5
    assert not text_mask(cv2.cvtColor(scene(), cv2.COLOR_RGB2GRAY).astype(np.float32)).any()


def test_smearing_text_breaks_its_bound():
    smeared = cv2.GaussianBlur(lettered(), (0, 0), 4)
    assert broken_by_pixels(lettered(), smeared, Touches.TONE, BOUNDS) in ("text", "structure")


def test_structure_knows_no_gain_or_offset():
    luma = cv2.cvtColor(scene(), cv2.COLOR_RGB2GRAY).astype(np.float32)
    assert structure(luma, luma * 0.5 + 60) > 0.99
    assert structure(luma, 255 - luma) < 0


@pytest.mark.parametrize(
    ("before", "after", "bound"),
    [
        ({"dark": 0.8}, {"dark": 0.3}, None),
        ({"dark": 0.8}, {"dark": 0.6}, "fall"),
        ({"dark": 0.8}, {"dark": float("nan")}, "fall"),
        ({"dark": 0.8, "noise": 0.1}, {"dark": 0.2, "noise": 0.2}, "rise"),
        ({"dark": 0.8}, {"dark": 0.2, "noise": 0.2}, "rise"),
        ({"dark": 0.8, "noise": 0.1}, {"dark": 0.2, "noise": float("nan")}, "rise"),
    ],
)
def test_severities(before, after, bound):
    assert broken_by_severity("dark", before, after, Touches.TONE, BOUNDS) == bound


def test_a_denoiser_may_measure_softer_and_a_gain_may_not():
    before, after = {"noise": 0.8, "blur": 0.0}, {"noise": 0.2, "blur": 0.3}
    assert broken_by_severity("noise", before, after, Touches.DETAIL, BOUNDS) is None
    assert broken_by_severity("noise", before, after, Touches.TONE, BOUNDS) == "rise"


def test_framing_cannot_rise():
    assert broken_by_severity("dark", {"dark": 0.8}, {"dark": 0.2, "cut_off": 0.9}, Touches.TONE, BOUNDS) is None


def test_there_is_a_sentence_for_every_bound_that_can_leave_a_photo_as_it_was():
    bounds = {field.name for field in fields(Bounds)} - {"act", "removed"}
    assert set(WHY_LEFT) == bounds | {"evidence", "operation"}
