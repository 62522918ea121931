"""What each measure must do: stay in its range on any photo, and move the right way when a photo is spoilt."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from transforms.imaging import spoil
from transforms.imaging.measures import MEASURES, look, measure
from transforms.imaging.measures.region import find_region

SAMPLES = Path(__file__).parents[4] / "samples"


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
    whole, cut = measured(scene()), measured(scene()[:, 100:])
    assert cut["cut_off"] > 0.5
    assert cut["cut_odds"] > max(0.0, whole["cut_odds"] + 3)


def test_trousers_that_reach_from_edge_to_edge_are_not_cut_off_as_a_shirt_is_that_lost_a_side():
    sheet = np.full((400, 300, 3), 210, np.uint8)
    trousers, shirt = sheet.copy(), sheet.copy()
    trousers[4:396, 90:140] = trousers[4:396, 160:210] = trousers[4:150, 90:210] = (60, 80, 120)
    shirt[100:300, 0:160] = shirt[100:160, 0:210] = (60, 80, 120)
    assert measured(shirt)["cut_odds"] > measured(trousers)["cut_odds"] + 1


def test_blur_of_every_kind_is_told_and_its_width_grows_with_it():
    photo = scene(400, 520)
    assert measured(photo)["blur"] < 0
    widths = []
    for sigma in (1.5, 3.0):
        values = measured(spoil.defocus(photo, sigma))
        assert values["blur"] > 0.7
        widths.append(values["blur_width"])
    assert widths[0] < widths[1]
    shaken = measured(spoil.shake(photo, 15, 0.6))
    assert shaken["blur"] > 0.7
    assert shaken["motion"] > 0.5


def test_a_photo_that_is_seen_at_400_px_has_one_blur_and_a_larger_one_two():
    small, large = measured(scene(400, 520)), measured(scene(1000, 1300))
    assert small["blur"] == small["blur_400"]
    assert large["blur_width"] != large["blur_width_400"]


def test_a_red_sheet_in_good_light_is_not_dark_and_not_burnt_out():
    red = np.full((300, 300, 3), (250, 40, 30), np.uint8)
    red[100:200, 100:200] = (120, 120, 125)
    values = measured(red)
    assert values["mean_stops"] < 0
    assert values["clipped_partly"] == 0.0


def test_light_that_is_too_strong_clips_two_channels_before_the_third():
    ramp = np.linspace(20, 220, 300)[None, :, None] * np.array([1.0, 0.9, 0.6]) * np.ones((200, 1, 1))
    photo = ramp.astype(np.uint8)
    assert measured(photo)["clipped_partly"] == 0.0
    assert measured(spoil.expose(photo, 2.0))["clipped_partly"] > 0.1


def test_a_border_is_measured_and_a_white_ground_is_none():
    assert measured(spoil.frame(scene(), 0.08, np.random.default_rng(0)))["border"] > 0.03
    on_white = np.full((300, 300, 3), 255, np.uint8)
    on_white[60:240, 80:220] = scene(140, 180)
    assert measured(on_white)["border"] == 0.0


def test_two_photos_in_one_have_a_seam_and_one_photo_has_none():
    joined = np.hstack([scene(150, 300, 1), 255 - scene(150, 300, 2)])
    assert measured(joined)["seam"] > 0.9
    assert measured(scene())["seam"] < 0.9


@pytest.mark.parametrize("quality", [10, 20])
def test_strong_compression_shows_its_blocks_wherever_the_grid_lies(quality):
    blocky = spoil.compress(scene(400, 520), quality)
    assert measured(blocky)["blocks"] > measured(scene(400, 520))["blocks"] + 0.5
    assert measured(blocky[3:, 5:])["blocks"] == pytest.approx(measured(blocky)["blocks"], rel=0.3)


def test_light_that_falls_off_is_counted_in_stops():
    ground = np.full((300, 400, 3), 200, np.uint8)
    assert measured(spoil.shade(ground, 2.0, 0.0))["light_fall"] == pytest.approx(2.0, abs=0.3)


def test_the_region_is_where_the_product_is_and_nowhere_on_a_plain_sheet():
    found = find_region(scene())
    assert found.plain
    assert found.confidence > 0.5
    assert (found.box.x, found.box.width) == pytest.approx((0.18, 0.64), abs=0.03)
    assert find_region(np.full((200, 200, 3), 180, np.uint8)).confidence == 0.0


def test_a_shadow_on_the_sheet_is_ground():
    shaded = spoil.shade(scene(), 1.0, 0.8)
    assert find_region(shaded).box.width == pytest.approx(0.64, abs=0.06)


@pytest.mark.parametrize("name", ["red-jacket.jpg", "patterned-trousers.jpg"])
def test_a_photo_that_was_enlarged_twice_is_told_from_the_same_as_it_was_taken(name):
    photo = cv2.cvtColor(cv2.imread(str(SAMPLES / name)), cv2.COLOR_BGR2RGB)
    enlarged = spoil.enlarge(photo, min(photo.shape[:2]) // 2)
    assert measured(photo)["enlarged_odds"] < 0 < measured(enlarged)["enlarged_odds"]


@pytest.mark.parametrize("name", ["red-jacket.jpg", "white-tshirt.jpg", "patterned-trousers.jpg"])
def test_a_photo_with_more_light_is_likelier_overexposed_and_then_burnt(name):
    photo = cv2.cvtColor(cv2.imread(str(SAMPLES / name)), cv2.COLOR_BGR2RGB)
    steps = [measured(spoil.expose(photo, stops)) for stops in (0.0, 1.5, 3.0)]
    assert steps[0]["overexposed"] < 0 < steps[1]["overexposed"]
    assert steps[0]["burnt"] < 0 < steps[2]["burnt"]


def test_a_ground_that_was_made_pure_white_is_not_burnt():
    photo = scene()
    product = photo.copy()
    photo[:] = 255
    photo[60:340, 60:240] = product[60:340, 60:240]
    assert measured(photo)["burnt"] < 0
    assert measured(photo)["overexposed"] < 0


def test_a_screens_bars_are_measured_and_a_plain_border_is_none():
    assert measured(spoil.screenshot(scene(), np.random.default_rng(1)))["screen_bars"] > 0.06
    assert measured(scene())["screen_bars"] == 0.0
    assert measured(spoil.frame(scene(), 0.08, np.random.default_rng(0)))["screen_bars"] == 0.0


def test_a_reflection_is_glare_and_a_white_patch_is_none():
    assert measured(spoil.reflect(scene(), 200, 150, 25))["glare"] > 0.005
    patched = scene()
    patched[180:220, 130:170] = 255
    assert measured(patched)["glare"] == 0.0
    assert measured(scene())["glare"] == 0.0
