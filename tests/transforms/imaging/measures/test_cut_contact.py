"""Where the mask meets the frame: cloth that goes on there, or a piece of ground that was taken for it."""

import numpy as np
import pytest

from transforms.imaging.measures.cut_contact import NAMES, describe_contact

WALL, SHADE, CLOTH = (200, 198, 190), (150, 148, 142), (40, 60, 130)


def scene(reaches):
    """Cloth in the middle, to the left edge or not; with a mask that reaches the left edge either way, over a shaded wall."""
    pixels = np.full((64, 48, 3), WALL, np.uint8)
    pixels[:, :12] = SHADE
    pixels[16:48, 0 if reaches else 12 : 36] = CLOTH
    likely = np.zeros((64, 48), np.float32)
    likely[16:48, :36] = 0.9
    noise = np.random.default_rng(0).normal(0, 2, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8), likely


def test_ground_taken_for_product_is_told_from_product_that_the_frame_cuts():
    cut, shaded = (dict(zip(NAMES, describe_contact(*scene(reaches))[0], strict=True)) for reaches in (True, False))
    assert cut["nearer_to_ground"] < -1 < shaded["nearer_to_ground"]
    assert cut["likelier_product"] > 0 and cut["from_product"] < shaded["from_product"]
    assert cut["edge_inside"] < shaded["edge_inside"], "between the wall and the cloth"


@pytest.mark.parametrize("turns", range(4))
def test_each_side_is_seen_alike(turns):
    pixels, likely = scene(True)
    left = describe_contact(pixels, likely)[0]
    found = describe_contact(
        np.ascontiguousarray(np.rot90(pixels, turns)), np.ascontiguousarray(np.rot90(likely, turns))
    )
    side = (0, 3, 1, 2)[turns]
    assert found[side] == pytest.approx(left, abs=0.02)
    assert not found[[other for other in range(4) if other != side]].any()


def test_a_mask_that_meets_no_side_or_everything_gives_zeros_or_numbers():
    pixels, _ = scene(True)
    assert not describe_contact(pixels, np.zeros((64, 48), np.float32)).any()
    assert np.isfinite(describe_contact(pixels, np.ones((64, 48), np.float32))).all()
