"""What each measure must do: stay in its range on any photo, and move the right way when a photo is spoilt."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from transforms.imaging.measures import MEASURES, look, measure


def scene(width=300, height=400, seed=0):
    """A patterned garment on a pale sheet with some weave and shadow: every measure has something to measure."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    photo = np.full((height, width, 3), (205, 200, 192), np.float32) - (12 * x / width)[..., None]
    inside = (abs(x - width / 2) < width * 0.32) & (abs(y - height / 2) < height * 0.36)
    stripes = np.where((x // 9 + y // 14) % 2 == 0, 60, 150)
    photo[inside] = np.stack([stripes, stripes * 0.7, stripes * 0.4], axis=-1)[inside]
    photo = cv2.GaussianBlur(photo, (3, 3), 0.5) + random.normal(0, 1.0, photo.shape)
    return np.clip(photo, 0, 255).astype(np.uint8)


def measured(pixels, **known):
    return measure(look(pixels, **known))


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(1, 70), st.integers(1, 70), st.just(3)), elements=st.integers(0, 255))
)
def test_every_measure_is_in_its_range_or_nan_on_any_pixels(pixels):
    values = measured(pixels)
    assert list(values) == [m.name for m in MEASURES]
    for declared in MEASURES:
        value = values[declared.name]
        assert type(value) is float
        assert math.isnan(value) or declared.low <= value <= declared.high, declared.name


def test_names_are_unique_and_every_measure_says_its_unit_and_source():
    assert len({m.name for m in MEASURES}) == len(MEASURES)
    assert all(m.unit and m.meaning and m.source and m.low < m.high for m in MEASURES)


def test_blurring_lowers_sharpness_and_motion_its_worst_direction():
    photo = scene()
    kernel = np.zeros((9, 9), np.float32)
    kernel[4] = 1 / 9
    sharp, soft, moved = (
        measured(p) for p in (photo, cv2.GaussianBlur(photo, (0, 0), 2), cv2.filter2D(photo, -1, kernel))
    )
    assert soft["sharpness"] < 0.7 * sharp["sharpness"]
    assert moved["sharpness_worst"] < 0.7 * sharp["sharpness_worst"]


@pytest.mark.parametrize("stops", [1, 2, 4])
def test_dim_stops_counts_stops(stops):
    linear = (scene() / 255.0) ** 2.2
    dark = np.round(255 * (linear / 2**stops) ** (1 / 2.2)).astype(np.uint8)
    assert measured(dark)["dim_stops"] - measured(scene())["dim_stops"] == pytest.approx(stops, abs=0.35)


def test_a_black_product_is_not_a_dark_photo():
    photo = scene()
    photo[80:320, 60:240] = 12
    assert measured(photo)["dim_stops"] < 1.0


def test_noise_is_counted_in_levels():
    random = np.random.default_rng(1)
    plain = np.full((300, 300, 3), 128.0)
    noisy = np.clip(plain + random.normal(0, 6, (300, 300, 1)), 0, 255).astype(np.uint8)
    assert measured(noisy)["noise"] == pytest.approx(6, rel=0.25)


def test_tinting_raises_the_cast_and_says_which_way():
    warm = np.clip(scene() * np.array([1.03, 1.0, 0.88]), 0, 255).astype(np.uint8)
    assert measured(warm)["cast"] > measured(scene())["cast"] + 5
    assert measured(warm)["cast_b"] > measured(scene())["cast_b"] + 5


def test_veiling_lowers_contrast():
    veiled = (scene() * 0.4 + 120).astype(np.uint8)
    assert measured(veiled)["contrast"] < 0.5 * measured(scene())["contrast"]


def test_a_solid_frame_is_blank_and_a_photo_is_not():
    assert measured(np.full((200, 300, 3), 77, np.uint8))["blank"] == 1.0
    assert measured(scene())["blank"] < 0.9


def test_the_ground_is_measured_apart_from_the_product():
    values = measured(scene())
    assert values["ground_plain"] == 1.0
    assert values["ground_lightness"] == pytest.approx(79, abs=3)
    assert values["fill"] == pytest.approx(0.64 * 0.72, rel=0.1)
    assert values["cut_off"] == 0.0


def test_a_product_that_the_frame_cuts_touches_the_edge():
    assert measured(scene()[:, 100:])["cut_off"] > 0.5
