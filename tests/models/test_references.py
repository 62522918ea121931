from pathlib import Path

import pytest

from models.references import Reference, one_of_each, references
from transforms.errors import UserError

DATA = Path(__file__).parents[2] / "../shared/data"


def made(*names):
    return [Reference(Path(f"{name}.jpg"), "studio", f"studio/{name.split('-')[0]}") for name in names]


def test_views_of_one_sku_are_on_one_side():
    for sku in range(200):
        first, second = made(f"s{sku}-red_front", f"s{sku}-blue_back")
        assert first.is_test == second.is_test


def test_both_sides_have_photos_and_each_group_one():
    found = made(*(f"s{sku}-{view}" for sku in range(100) for view in range(3)))
    train, test = (one_of_each(found, test=side, seed=0) for side in (False, True))
    assert len(train) + len(test) == 100 and 15 < len(test) < 45
    assert not {r.group for r in train} & {r.group for r in test}


def test_no_file_or_sku_of_the_data_is_trained_on_and_tested():
    if not DATA.is_dir():
        pytest.skip(f"the training data is not at {DATA}")
    found = references(DATA)
    train, test = ({r.group for r in found if r.is_test == side} for side in (False, True))
    assert train and test and not train & test
    assert len({r.path for r in found}) == len(found)


def test_missing_data_is_named(tmp_path):
    with pytest.raises(UserError, match="needs clean photos"):
        references(tmp_path)
