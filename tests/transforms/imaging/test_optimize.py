import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from transforms.imaging.fixes.light import to_bytes, to_linear
from transforms.imaging.guard import Bounds
from transforms.imaging.optimize import optimize
from transforms.imaging.types import Assessment, Box, Header, Judgement, Mended, Photo

CODES = ("dark", "noise", "cast", "low_contrast")


def photo(pixels: np.ndarray) -> Photo:
    return Photo(pixels, Header("png", pixels.shape[1], pixels.shape[0], "RGB"))


def mend(pixels: np.ndarray, codes, remeasure, bounds: Bounds | None = None) -> Mended:
    whole = Box(0, 0, 1, 1)
    known = Assessment(Header("png", pixels.shape[1], pixels.shape[0], "RGB"), "", "", {}, whole, 0.0, None)
    verdict = Judgement("improve", None, (), tuple(codes))
    return optimize(photo(pixels), known, verdict, bounds or Bounds(), remeasure)


def darkness(pixels: np.ndarray) -> dict[str, float]:
    """Severity of darkness alone, from the lightest tones."""
    return {"dark": float(np.clip(1 - np.percentile(pixels, 98) / 200, 0, 1))}


def scene() -> np.ndarray:
    rows, columns = np.mgrid[:120, :160]
    grey = 30 + (rows + columns) * 0.75
    return np.stack([grey, grey * 0.8, grey * 0.6], axis=-1).astype(np.uint8)


def dark(stops: float) -> np.ndarray:
    return to_bytes(to_linear(scene()) / 2**stops)


def test_a_dark_photo_is_lit_and_the_log_says_how():
    mended = mend(dark(2.5), ["dark"], darkness)
    assert mended.pixels is not None
    assert np.abs(mended.pixels.astype(int) - scene()).mean() < 0.65 * np.abs(dark(2.5).astype(int) - scene()).mean()
    (action,) = mended.actions
    assert (action.operation, action.bound) == ("exposure_gain", None)
    assert action.after <= action.before * 0.7
    assert action.parameters["gain"] > 1


def test_the_weakest_strength_that_removes_the_defect_is_taken():
    slight = mend(dark(1.5), ["dark"], darkness).actions[0].parameters["strength"]
    heavy = mend(dark(2.8), ["dark"], darkness).actions[0].parameters["strength"]
    assert slight <= heavy


def test_what_is_not_asked_for_is_left():
    assert mend(dark(3), [], darkness) == Mended(None)


def test_what_no_safe_operation_removes_is_declined_and_said():
    mended = mend(dark(3), ["uneven_light"], darkness)
    assert mended.pixels is None
    assert [(action.operation, action.bound) for action in mended.declined] == [("uneven_light", "operation")]


def test_a_veiled_photo_is_not_called_dark():
    veiled = (scene() * 0.3 + 60).astype(np.uint8)
    assert mend(veiled, ["dark"], lambda pixels: {"dark": 0.9}).declined[0].bound == "evidence"


def test_texture_without_noise_in_its_chroma_is_no_noise():
    carpet = np.random.default_rng(0).integers(60, 160, (96, 96, 1), np.uint8).repeat(3, axis=2)
    assert mend(carpet, ["noise"], lambda pixels: {"noise": 0.9}).declined[0].bound == "evidence"


def unproven(pixels, code: str, quality: int | None = None) -> str | None:
    """The bound that stopped a mend of a defect that the verdict calls severe."""
    before = np.array(pixels)
    given = Photo(pixels, Header("jpeg", pixels.shape[1], pixels.shape[0], "RGB"), (), quality)
    mended = optimize(
        given,
        Assessment(given.header, "", "", {}, Box(0, 0, 1, 1), 0.0, None),
        Judgement("improve", None, (), (code,)),
        Bounds(),
        lambda now: {code: 0.9 if (now == before).all() else 0.0},
    )
    return mended.declined[0].bound if mended.declined else None


def grainy(level: float) -> np.ndarray:
    grain = np.random.default_rng(3).normal(0, level, (150, 200, 3))
    return np.clip(np.kron(scene()[::8, ::8], np.ones((10, 10, 1))) + grain, 0, 255).astype(np.uint8)


def test_light_is_brought_up_by_no_more_than_seven_tenths_of_what_seems_to_be_missing():
    gain = mend(dark(2.5), ["dark"], lambda pixels: {"dark": darkness(pixels)["dark"] + 0.3}).actions[0].parameters
    assert gain["gain"] <= (0.8 / to_linear(np.array([np.percentile(dark(2.5), 98)], np.uint8))[0]) ** 0.7


def test_some_grain_is_left_and_a_photo_buried_in_it_is_left_as_it_is():
    light = grainy(9)
    mended = mend(light, ["noise"], lambda pixels: {"noise": 0.0 if (pixels != light).any() else 0.9})
    assert mended.actions[0].parameters["grain_kept"] == pytest.approx(0.1)
    assert 0.05 < np.abs(mended.pixels - light.astype(float)).mean() < 9
    assert unproven(light, "noise") is None
    assert unproven(grainy(45), "noise") == "evidence"


def test_a_sensors_noise_goes_before_a_gain_raises_it():
    grain = np.random.default_rng(7).normal(0, 4, (150, 200, 3))
    smooth = cv2.resize(scene(), (200, 150), interpolation=cv2.INTER_CUBIC)
    dim = to_bytes(to_linear(smooth) / 2**2.4)
    noisy = np.clip(dim + grain, 0, 255).astype(np.uint8)
    (action,) = mend(noisy, ["dark"], lambda pixels: {"dark": darkness(pixels)["dark"]}).actions
    assert action.parameters["denoised"] == pytest.approx(0.85)
    alone = mend(dim, ["dark"], lambda pixels: {"dark": darkness(pixels)["dark"]})
    assert "denoised" not in alone.actions[0].parameters
    mended = mend(noisy, ["dark"], lambda pixels: {"dark": darkness(pixels)["dark"]}).pixels
    assert np.abs(mended - alone.pixels.astype(float)).mean() < 3


def test_contrast_is_not_stretched_under_a_coloured_light_nor_where_light_is_missing():
    veiled = np.stack([scene()[..., 0] * 0.35 + 100] * 3, axis=-1).astype(np.uint8)
    assert unproven(veiled, "low_contrast") is None
    warm = (veiled * [1.0, 0.85, 0.65]).astype(np.uint8)
    assert unproven(warm, "low_contrast") == "evidence"
    assert unproven((veiled * 0.6).astype(np.uint8), "low_contrast") == "evidence"


def test_a_coloured_light_is_taken_away_as_far_as_it_is_beyond_doubt_and_coloured_paper_is_left():
    studio = np.full((120, 100, 3), 240, np.uint8)
    studio[30:90, 25:75] = (60, 80, 140)
    for light in ((0.4, 0.7, 1.0), (1.0, 0.7, 0.4)):
        tinted = to_bytes(to_linear(studio) * np.array(light, np.float32))
        (action,) = mend(tinted, ["cast"], lambda pixels: {"cast": np.ptp(pixels[5, 5].astype(int)) / 100}).actions
        assert action.parameters["neutral"] == "ground"
        assert action.after < 0.5 * action.before
    paper = studio.copy()
    paper[(paper == 240).all(axis=2)] = (245, 225, 185)
    paper[30:90, 25:75] = (190, 140, 90)
    assert unproven(paper, "cast") == "evidence"


def test_blocks_of_a_busy_photo_are_left_and_those_of_a_calm_one_are_not():
    busy = np.random.default_rng(1).integers(0, 255, (40, 50, 3), np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    assert unproven(busy, "compression", 12) == "evidence"
    assert unproven(scene(), "compression", 12) is None
    assert unproven(scene(), "compression", 60) == "evidence"


def test_a_mild_defect_is_left():
    assert mend(dark(3), ["dark"], lambda pixels: {"dark": 0.2}).pixels is None


def test_a_mend_that_raises_another_defect_is_declined_and_named():
    def noisier(pixels):
        return {**darkness(pixels), "noise": 1 - darkness(pixels)["dark"]}

    mended = mend(dark(3), ["dark"], noisier)
    assert mended.pixels is None
    assert [action.bound for action in mended.declined] == ["rise"]


def test_a_mend_that_does_not_help_is_declined():
    mended = mend(dark(3), ["dark"], lambda pixels: {"dark": 0.9})
    assert mended.pixels is None
    assert mended.declined[0].bound == "fall"


def test_a_broken_pixel_bound_is_named():
    mended = mend(dark(3), ["dark"], darkness, Bounds(structure=1.1))
    assert mended.pixels is None
    assert mended.declined[0].bound == "structure"


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (90, 1), (2, 2), (17, 16)])
@pytest.mark.parametrize("value", [0, 9, 128, 255])
def test_thin_and_one_coloured_photos_never_raise(code, shape, value):
    pixels = np.full((*shape, 3), value, np.uint8)
    mended = mend(pixels, [code], lambda now: {code: 0.9 if (now == pixels).all() else 0.0})
    assert mended.pixels is None or mended.pixels.shape == pixels.shape
    assert mended.actions or mended.declined


def test_severities_that_are_no_number_are_never_acted_on():
    assert mend(dark(3), ["dark"], lambda pixels: {"dark": float("nan")}).pixels is None


@settings(max_examples=25, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
def test_any_pixels_give_the_same_size_or_nothing(pixels):
    first = np.array(pixels)
    mended = mend(pixels, CODES, lambda now: dict.fromkeys(CODES, 0.9 if (now == first).all() else 0.3))
    assert (pixels == first).all()
    assert mended.pixels is None or (mended.pixels.shape == pixels.shape and mended.pixels.dtype == np.uint8)
