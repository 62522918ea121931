"""The backbones that training may be asked for: one shape of input and output, and a sentence where weights are not to be had."""

import json

import numpy as np
import pytest

from models import pretraining, training
from models.backbones import choices
from models.examples import UNKNOWN
from models.network import FeatureNetwork
from models.tiles import LAYOUT
from pipelines.train import BACKBONES
from transforms.errors import UserError


@pytest.mark.parametrize("name", ["lite0", "plain", "vgg16"])
def test_a_backbone_gives_a_map_of_each_stage_as_wide_as_it_says(name):
    choice = choices.CHOICES[name]
    network = FeatureNetwork(choices.build(choice, choices.NOTHING))
    tiles = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    assert [stage.shape[-1] for stage in network.backbone(tiles.astype(np.float32))] == list(choice.widths)
    features = network.compiled(tiles).numpy()
    blocks = [block for part in training.parts_of(choice.widths) for block in part.blocks]
    assert max(block.stop for block in blocks) == 2 * sum(choice.widths) < features.shape[1]
    assert np.isfinite(features).all()


def test_the_command_offers_what_there_is():
    assert set(BACKBONES) == set(choices.CHOICES)


def test_the_opinion_looks_at_the_centre_by_the_last_stages_of_any_backbone():
    for choice in choices.CHOICES.values():
        parts = training.parts_of(choice.widths)
        assert {part.tile for part in parts} == {LAYOUT.index("centre")}
        assert parts[0].blocks[-1].stop == 2 * sum(choice.widths)


@pytest.mark.parametrize(
    ("name", "weights", "said"),
    [
        ("plain", "imagenet", "no ImageNet weights"),
        ("vgg16", "nowhere.h5", "nowhere.h5"),
        ("lite0", "nowhere.pth", "nowhere.pth"),
        ("plain", "nowhere.npz", "nowhere.npz"),
    ],
)
def test_weights_that_are_not_there_are_one_sentence(name, weights, said):
    with pytest.raises(UserError, match=said):
        choices.build(choices.CHOICES[name], weights)


def test_a_file_that_is_no_weights_is_one_sentence(tmp_path):
    (tmp_path / "odd.weights.h5").write_bytes(b"odd")
    for name in ("plain", "vgg16"):
        with pytest.raises(UserError):
            choices.build(choices.CHOICES[name], str(tmp_path / "odd.weights.h5"))


def coloured(count: int = 64, side: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Tiles that are red or blue, and whether they are red; what is said of the other defect is not known."""
    rng = np.random.default_rng(0)
    red = rng.random(count) < 0.5
    tiles = rng.integers(0, 60, (count, side, side, 3), np.uint8)
    tiles[red, ..., 0] += 150
    tiles[~red, ..., 2] += 150
    return tiles, np.stack([red.astype(np.float32), np.full(count, UNKNOWN, np.float32)], axis=1)


def test_a_backbone_from_nothing_learns_what_it_is_shown(tmp_path):
    backbone = choices.build(choices.CHOICES["plain"], choices.NOTHING)
    curve = pretraining.pretrain(backbone, *coloured(), tmp_path, 12.0, 0, lambda *_: None)
    assert len(curve) >= 2 and curve[-1] < 0.5 * curve[0]


def test_learning_goes_on_where_it_was_stopped_and_ends_with_its_budget(tmp_path):
    tiles, labels = coloured()
    first = choices.build(choices.CHOICES["plain"], choices.NOTHING)
    pretraining.pretrain(first, tiles, labels, tmp_path, 6.0, 0, lambda *_: None)
    told = json.loads((tmp_path / "curve.json").read_text())
    again = choices.build(choices.CHOICES["plain"], choices.NOTHING)
    curve = pretraining.pretrain(again, tiles, labels, tmp_path, told["spent_s"], 0, lambda *_: None)
    assert curve == told["curve"]
    with np.load(tmp_path / "weights.npz") as kept:
        assert np.array_equal(kept["arr_0"], again.get_weights()[0])
