import cv2
import numpy as np
import pytest

from transforms.imaging.fixes.deblock import deblock
from transforms.imaging.measures import look
from transforms.imaging.measures.compression import measure


def scene(height: int = 240, width: int = 320) -> np.ndarray:
    coarse = np.random.default_rng(4).integers(20, 235, (height // 20, width // 20, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def compressed(quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", scene(), [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def blocking(pixels: np.ndarray) -> float:
    return measure(look(pixels))["blocking"]


def test_rises_with_compression_and_a_clean_photo_has_none():
    found = [blocking(scene()), blocking(compressed(30)), blocking(compressed(10)), blocking(compressed(4))]
    assert found == sorted(found)
    assert abs(found[0]) < 0.1 < 0.5 < found[2]


def test_edges_of_the_photo_itself_do_not_count():
    board = ((np.indices((240, 320)) // 10).sum(axis=0) % 2 * 200).astype(np.uint8)
    assert blocking(np.repeat(board[..., None], 3, axis=2)) < 0.5


def test_deblocking_lowers_it():
    assert blocking(deblock(compressed(8), 8)) < 0.6 * blocking(compressed(8))


@pytest.mark.parametrize("shape", [(1, 1), (63, 500), (3000, 2000)])
def test_too_small_or_too_large_to_see_the_grid(shape):
    assert np.isnan(blocking(np.full((*shape, 3), 120, np.uint8)))
