from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf

from models.data.likeness import likeness
from models.data.parts import SELECTION, TRAINING, UNLABELLED, Source
from models.data.schema import SPEC, to_record
from models.data.versions import MIXED, OPPOSITES, plan, versions
from models.defects import DEFECTS
from models.distortions import DISTORTIONS, PHYSICAL, spoil_in_order
from models.scalars import SCALARS


@pytest.fixture
def source(tmp_path, photos):
    path = tmp_path / "sku-red.png"
    cv2.imwrite(str(path), np.ascontiguousarray(photos[0][:160, :160, ::-1]))
    return Source(path, "studio", "studio/sku", TRAINING)


def test_defects_are_made_in_the_order_of_camera_and_storage():
    assert sorted(PHYSICAL) == sorted(DEFECTS)
    for seed in range(20):
        for name, steps, _ in plan(np.random.default_rng(seed), unseen=False):
            places = [PHYSICAL.index(way.defect) for way, _ in steps]
            assert places == sorted(places), name
            assert not set(OPPOSITES) <= {way.defect for way, _ in steps}


def test_no_strength_of_the_training_part_is_in_another():
    cells = [
        {
            int(amount * 5)
            for seed in range(9)
            for _, steps, _ in plan(np.random.default_rng(seed), unseen=unseen)
            for _, amount in steps
        }
        for unseen in (False, True)
    ]
    assert cells == [{0, 2, 4}, {1, 3}]


def test_light_is_blurred_before_it_burns_out():
    # A point far over white spreads further than one that was clipped to white before the lens blurred it.
    pixels = np.full((41, 41, 3), 20, np.uint8)
    pixels[18:23, 18:23] = 200
    ways = {way.defect: way for way in DISTORTIONS}
    steps = [(ways["blur"], 0.8), (ways["over_exposure"], 1.0)]
    right = spoil_in_order(pixels, steps, np.random.default_rng(0))
    wrong = spoil_in_order(pixels, steps[::-1], np.random.default_rng(0))
    apart = ways["over_exposure"].spoil(ways["blur"].spoil(pixels, 0.8, np.random.default_rng(0)), 1.0, None)
    assert np.abs(right.astype(int) - apart).max() <= 4
    assert (right.max(axis=2) >= 128).sum() >= (wrong.max(axis=2) >= 128).sum()


def test_versions_of_a_clean_photo_have_labels_that_fall_with_each_step(source):
    made = {version.version: version for version in versions(source, seed=0)}
    assert len(made) == 1 + 3 * len(DISTORTIONS) + MIXED
    clean = made.pop("clean")
    assert clean.likeness.quality == 1 and not clean.defects.any() and clean.ways == ()
    for version in made.values():
        assert 0 <= version.likeness.quality < 1 and version.scalars.shape == (len(SCALARS),)
        assert all(version.defects[DEFECTS.index(way)] == 1 for way in version.ways)
    falls = [
        made[f"{way} {step}"].likeness.quality > made[f"{way} {step + 1}"].likeness.quality
        for way in PHYSICAL
        for step in (1, 2)
    ]
    assert np.mean(falls) >= 0.95


def test_a_file_of_a_version_is_what_its_measures_and_labels_speak_of(source):
    clean, *_, last = versions(source, seed=0)
    before, after = (cv2.imdecode(np.frombuffer(v.data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1] for v in (clean, last))
    assert np.array_equal(before, cv2.imread(str(source.path))[..., ::-1])
    assert likeness(after, before).quality == pytest.approx(last.likeness.quality, abs=0.02)


def test_tones_count_though_detail_is_the_same(photos):
    photo = np.ascontiguousarray(photos[0][:200, :200])
    darker = next(way for way in DISTORTIONS if way.defect == "under_exposure").spoil(photo, 0.5, None)
    found = likeness(darker, photo)
    assert found.tone < 0.75 and found.quality < 0.75 * np.sqrt(found.haarpsi)
    assert likeness(photo, photo).quality == pytest.approx(1, abs=1e-6)


def test_an_upload_stays_as_it_is_without_labels(source):
    upload = Source(source.path, "uploads", "uploads/7", UNLABELLED)
    (only,) = versions(upload, seed=0)
    assert only.data == Path(source.path).read_bytes() and only.likeness is None and only.defects is None


def test_a_record_reads_back_as_it_was_made(source):
    for part in (TRAINING, SELECTION):
        version = list(versions(Source(source.path, "studio", "studio/sku", part), seed=3))[5]
        record = to_record(version)
        read = tf.io.parse_single_example(record, SPEC)
        assert read["part"].numpy().decode() == part and read["photo"].numpy() == version.data
        np.testing.assert_array_equal(read["scalars"], version.scalars)
        np.testing.assert_array_equal(tf.sparse.to_dense(read["defects"]), version.defects)
        assert float(tf.sparse.to_dense(read["quality"])[0]) == pytest.approx(version.likeness.quality, abs=1e-6)
        assert len(read["mos"].values) == 0


def test_the_same_seed_makes_the_same_bytes_and_another_other_ones(source):
    first, again, other = ([to_record(v) for v in versions(source, seed)] for seed in (0, 0, 1))
    assert first == again and all(a != b for a, b in pairwise(first)) and first[1:] != other[1:]
