import dataclasses
from pathlib import Path

import pytest

from models.data.parts import (
    CLEAN,
    PARTS,
    RATED,
    TEST,
    TRAINING,
    UNLABELLED,
    Source,
    check_apart,
    drawn,
    part_of,
    sources,
)
from models.references import Reference
from transforms.errors import UserError

DATA = Path(__file__).parents[3] / "../shared/data"


def made(group, file, part=TRAINING, fold=None):
    return Source(Path(file), "studio", group, part, fold)


def test_views_and_colours_of_one_sku_are_in_one_part_and_every_part_gets_some():
    parts = []
    for sku in range(300):
        views = [Reference(Path(f"s{sku}-{view}.jpg"), "studio", f"studio/s{sku}") for view in ("red", "blue")]
        assert part_of(views[0]) == part_of(views[1])
        parts.append(part_of(views[0]))
    assert {part: parts.count(part) > 20 for part in CLEAN} == dict.fromkeys(CLEAN, True)


def test_what_the_model_is_tested_on_is_the_test_part():
    for sku in range(100):
        reference = Reference(Path(f"s{sku}.jpg"), "studio", f"studio/s{sku}")
        assert reference.is_test == (part_of(reference) == TEST)


def test_a_sku_in_two_parts_is_refused():
    check_apart([made("a", "1.jpg"), made("a", "2.jpg"), made("b", "3.jpg", TEST)])
    with pytest.raises(UserError, match="group a is in training and in test"):
        check_apart([made("a", "1.jpg"), made("a", "2.jpg", TEST)])


def test_a_file_in_two_parts_is_refused_by_its_name_and_by_its_bytes(tmp_path):
    one, same = tmp_path / "one.jpg", tmp_path / "same.jpg"
    one.write_bytes(b"a photo")
    same.write_bytes(b"a photo")
    with pytest.raises(UserError, match="file"):
        check_apart([made("a", one), made("b", one, UNLABELLED)])
    with pytest.raises(UserError, match="content"):
        check_apart([made("a", one), made("b", same, UNLABELLED)])


def test_a_rated_photo_in_two_folds_is_refused():
    with pytest.raises(UserError, match="fold 0 and in rated, fold 1"):
        check_apart([made("a", "1.jpg", RATED, 0), made("a", "1.jpg", RATED, 1)])


def test_one_of_each_group_is_drawn_the_same_for_the_same_seed():
    found = [made(f"s{sku}", f"s{sku}-{view}.jpg") for sku in range(30) for view in range(3)]
    first = drawn(found, 20, seed=1)
    assert len(first) == len({source.group for source in first}) == 20
    assert first == drawn(found, 20, seed=1) != drawn(found, 20, seed=2)
    assert drawn(found, None, seed=1) == found


def test_no_file_and_no_sku_of_the_data_is_in_two_parts():
    if not DATA.is_dir():
        pytest.skip(f"the training data is not at {DATA}")
    found = sources(DATA, seed=0)
    assert {source.part for source in found} == set(PARTS)
    assert {source.fold for source in found if source.part == RATED} == {0, 1, 2, 3, 4}
    assert len({source.name for source in found}) == len(found)
    check_apart(found)
    moved = dataclasses.replace(next(source for source in found if source.part == TRAINING), part=TEST)
    with pytest.raises(UserError):
        check_apart([*found, moved])
