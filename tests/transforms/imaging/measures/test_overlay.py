"""Text laid over a photo is told from a product's own print; without the extra `text` nothing is said of either."""

import importlib.util
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from transforms.imaging import spoil, text_detector
from transforms.imaging.measures import look, measure, overlay

SAMPLES = Path("samples")
needs_text = pytest.mark.skipif(
    importlib.util.find_spec("rapidocr") is None or importlib.util.find_spec("onnxruntime") is None,
    reason="the extra `text` is not installed",
)


def photo(name):
    return np.ascontiguousarray(cv2.imread(str(SAMPLES / name))[..., ::-1])


def over(pixels):
    return overlay.measure(look(pixels))


@pytest.fixture
def without_the_extra(monkeypatch):
    seen = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "rapidocr" else seen(name))
    text_detector._load.cache_clear()
    yield
    text_detector._load.cache_clear()


def test_without_the_extra_nothing_is_said(without_the_extra):
    assert all(math.isnan(value) for value in over(photo("red-jacket.jpg")).values())


def test_what_is_left_out_is_not_measured():
    values = measure(look(photo("red-jacket.jpg")), writing=False)
    assert math.isnan(values["overlay"]) and math.isnan(values["overlay_cover"])


@needs_text
@pytest.mark.parametrize("name", ["red-jacket.jpg", "blue-jumper.jpg", "dim-boots.jpg"])
def test_text_laid_over_is_found_and_the_share_it_covers_grows_with_it(name):
    plain, rng = photo(name), np.random.default_rng(3)
    clean, stamped, covered = over(plain), over(spoil.stamp(plain, rng)), over(spoil.write(plain, 0.3, rng))
    assert clean["overlay"] < stamped["overlay"]
    assert covered["overlay"] > 2.5
    assert clean["overlay_cover"] == 0.0
    assert covered["overlay_cover"] > max(0.1, stamped["overlay_cover"])


@needs_text
def test_the_samples_have_no_text_laid_over():
    for file in sorted(SAMPLES.glob("*.jpg")):
        if file.name != "note.jpg":
            assert over(photo(file.name))["overlay"] < 0, file.name


@needs_text
def test_threads_share_one_network_and_agree():
    stamped = spoil.stamp(photo("red-jacket.jpg"), np.random.default_rng(3))
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(over, [stamped] * 8))
    assert all(each == found[0] for each in found)
    assert text_detector._session() is text_detector._session()


@needs_text
@settings(max_examples=15, deadline=None)
@given(
    arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3)), elements=st.integers(0, 255)
    ),
    st.integers(8, 30),
)
def test_any_pixels_give_numbers_in_range(small, times):
    pixels = np.kron(small, np.ones((times, times, 1), np.uint8))
    values = over(pixels)
    for declared in overlay.MEASURES:
        value = values[declared.name]
        assert math.isnan(value) or declared.low <= value <= declared.high
