import numpy as np
import pytest

from transforms.imaging.fixes.illuminant import DOUBT, MAGENTA, STEP, WARM, beyond_doubt, find_illuminant, histograms
from transforms.imaging.fixes.light import to_bytes, to_linear
from transforms.imaging.fixes.white_balance import coloured_light


def studio(ground: int = 240, product: tuple[int, int, int] = (60, 80, 140)) -> np.ndarray:
    photo = np.full((120, 100, 3), ground, np.uint8)
    photo[30:90, 25:75] = product
    photo[40:50, 35:65] = (200, 190, 185)
    return photo


def under(pixels: np.ndarray, red: float, green: float, blue: float) -> np.ndarray:
    return to_bytes(to_linear(pixels) * np.array([red, green, blue], np.float32))


def test_a_product_in_neutral_light_has_no_light_to_take_away():
    for product in ((60, 80, 140), (180, 30, 40), (190, 140, 90), (40, 40, 40)):
        assert coloured_light(studio(product=product)) is None


@pytest.mark.parametrize(("light", "warm"), [((1.0, 0.7, 0.4), 1.3), ((0.4, 0.7, 1.0), -1.3), ((1.0, 0.55, 0.22), 2.2)])
def test_a_coloured_light_is_found_and_the_ground_turns_grey_without_it(light, warm):
    known = coloured_light(under(studio(), *light))
    assert known is not None
    found, proven = known
    assert proven
    assert found.warm == pytest.approx(warm, abs=0.45)
    red, green, blue = found.light()
    assert np.log2(red / blue) == pytest.approx(found.warm)
    assert green == 1.0


def test_the_less_is_taken_away_the_less_there_is_to_doubt():
    found = find_illuminant(under(studio(), 1.0, 0.7, 0.4))
    doubts = [found.doubt(share) for share in (0.4, 0.7, 1.0, 1.5)]
    assert doubts == sorted(doubts)
    assert doubts[0] >= 0 and doubts[-1] <= 1
    assert found.chances.sum() == pytest.approx(1.0)


def test_a_light_moves_histograms_and_changes_nothing_else():
    grey = np.full((40, 40, 3), 140, np.uint8)
    places = 8
    tinted = under(grey, 1.0, 2 ** (-places * STEP / 2), 2 ** (-places * STEP))
    before, after = histograms(grey)[0], histograms(tinted)[0]
    assert before.shape == (WARM, MAGENTA)
    assert np.argmax(after.sum(axis=1)) == (np.argmax(before.sum(axis=1)) + places) % WARM


def test_a_warm_product_on_cream_paper_is_in_no_coloured_light():
    photo = studio(product=(190, 140, 90))
    photo[(photo == 240).all(axis=2)] = (245, 225, 185)
    assert coloured_light(photo) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (2, 2), (40, 40)])
@pytest.mark.parametrize("value", [0, 130, 255])
def test_one_colour_tells_nothing(shape, value):
    found = find_illuminant(np.full((*shape, 3), value, np.uint8))
    assert np.isfinite(found.chances).all()
    assert not beyond_doubt(found, DOUBT)
