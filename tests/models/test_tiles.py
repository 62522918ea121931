import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.tiles import LAYOUT, TileSettings, cut

SIZES = st.integers(1, 900)


@given(height=SIZES, width=SIZES, side=st.integers(8, 64), view=st.integers(8, 500))
@settings(max_examples=60, deadline=None)
def test_any_size_gives_the_same_shape_and_no_new_colours(height, width, side, view):
    pixels = np.full((height, width, 3), (10, 120, 250), np.uint8)
    tiles = cut(pixels, TileSettings(side, view))
    assert tiles.shape == (len(LAYOUT), side, side, 3) and tiles.dtype == np.uint8
    assert np.unique(tiles.reshape(-1, 3), axis=0).tolist() == [[10, 120, 250]]


def test_the_centre_is_native_pixels_where_the_photo_is_no_larger_than_the_view():
    pixels = np.random.default_rng(0).integers(0, 256, (500, 700, 3), np.uint8)
    tiles = cut(pixels, TileSettings(320, 1000))
    assert np.array_equal(tiles[LAYOUT.index("centre")], pixels[90:410, 190:510])


def test_a_photo_stored_twice_as_large_gives_almost_the_same_tiles(photos):
    settings = TileSettings(64, 200)
    once = cv2.resize(photos[0], (400, 400), interpolation=cv2.INTER_AREA)
    twice = cv2.resize(once, (800, 800), interpolation=cv2.INTER_NEAREST)
    assert np.abs(cut(once, settings).astype(int) - cut(twice, settings)).max() <= 1


def test_the_tiles_do_not_share_memory_with_the_photo():
    pixels = np.zeros((320, 320, 3), np.uint8)
    cut(pixels, TileSettings())[...] = 9
    assert not pixels.any()


def test_halving_a_large_photo_first_changes_its_tile_by_little(photos):
    settings = TileSettings(32, 100)
    large = cv2.resize(photos[0], (640, 800), interpolation=cv2.INTER_CUBIC)
    direct = cv2.resize(large[80:720], (32, 32), interpolation=cv2.INTER_AREA)
    apart = np.abs(cut(large, settings)[LAYOUT.index("whole")].astype(int) - direct)
    assert apart.mean() < 0.5 and apart.max() <= 4


def test_an_odd_side_is_halved_too():
    pixels = np.full((521, 517, 3), 77, np.uint8)
    assert np.all(cut(pixels, TileSettings(16, 50)) == 77)
