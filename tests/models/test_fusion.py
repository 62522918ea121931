"""A small network that looks at measures, too: taught, exported in every form, and served, all with the one preprocessing."""

import numpy as np
import pytest

from models import detector, opinion, order, training
from models.defects import DEFECTS
from models.export import export, version
from models.network import QualityNetwork, features_of
from models.quantized import ranges_of
from models.scalar_transform import ScalarTransform
from models.scalars import SCALARS
from models.scorer import FORMS, load
from models.serving import QualityModelHandler
from models.tiles import TileSettings
from pipelines.train import learn_transform
from transforms.errors import RefusalError
from transforms.imaging.types import Seen

WIDTH, STAGES, PHOTOS = 8, 7, 40
SETTINGS = TileSettings(32, 100)
TOLD = SCALARS.index("light_fall")
"""The measure that says all about the first defect here, of which the tiles say nothing."""


@pytest.fixture(scope="module")
def features(small_network):
    return small_network(activated=False)


@pytest.fixture(scope="module")
def tiles(patches):
    return patches(PHOTOS)


@pytest.fixture(scope="module")
def scalars():
    rng = np.random.default_rng(1)
    rows = (rng.normal(size=(PHOTOS, len(SCALARS))) * rng.uniform(0.1, 50, len(SCALARS))).astype(np.float32)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    rows[:, TOLD] = np.where(np.arange(PHOTOS) % 2, 3.0, 0.5) + rng.normal(0, 0.2, PHOTOS)
    return rows


@pytest.fixture(scope="module")
def transform(scalars, tmp_path_factory):
    return ScalarTransform(learn_transform(scalars, tmp_path_factory.mktemp("learnt")))


@pytest.fixture(scope="module")
def labels():
    known = np.zeros((PHOTOS, len(DEFECTS)), np.float32)
    known[1::2, 0] = 1
    return known


@pytest.fixture(scope="module")
def network(features, tiles, scalars, transform, labels):
    def quiet(*_):
        return None

    rows, mos = features_of(features, [tiles]), np.linspace(20, 80, PHOTOS)
    widths = (WIDTH,) * STAGES
    kernel = opinion.Kernel(0.3, (1, 0.3), 0.02)
    fitted = opinion.fit(rows, mos, training.parts_of(widths), kernel)
    found = detector.train(rows, labels, 0, quiet, transform.of(scalars))
    pairs = np.stack([np.arange(PHOTOS - 1), np.arange(1, PHOTOS)], axis=1)
    seen = fitted.predict(rows)
    with pytest.MonkeyPatch.context() as patch:
        for name, size in (("BATCH", 4), ("RATED_BATCH", 4), ("STORED_BATCH", 4)):
            patch.setattr(order, name, size)
        lessons = order.Graded(rows, seen, pairs), order.Stored((rows, rows), (seen, seen))
        ordered = order.train(order.Rated(rows, mos, seen), *lessons, 0, quiet)
    return QualityNetwork(features, fitted, opinion.interval(fitted, 0.02, 20.0), found, ordered, transform)


@pytest.fixture(scope="module")
def folder(network, tiles, tmp_path_factory):
    place = tmp_path_factory.mktemp("model")
    ranges = ranges_of(network.features.backbone, list(tiles))
    export(network, place, SETTINGS, {"bands": {}}, defects=DEFECTS, ranges=ranges)
    return place


def measures(scalars):
    return [dict(zip(SCALARS, map(float, row), strict=True)) for row in scalars]


def test_the_detector_learns_from_a_measure_what_the_tiles_do_not_say(network, features, tiles, scalars, transform):
    found = network.detector.predict(features_of(features, [tiles]), transform.of(scalars))[:, 0]
    assert np.median(found[1::2]) > 0.8 > 0.2 > np.median(found[::2])
    alone = network.detector.predict(features_of(features, [tiles]))[:, 0]
    assert np.abs(alone - found).mean() > 0.2


def test_the_network_scores_as_its_trained_parts_do(network, features, tiles, scalars):
    rows = features_of(features, [tiles])
    trained = np.clip(network.order.score(rows, network.opinion.predict(rows)), 0, 100)
    np.testing.assert_allclose(network(tiles, scalars)["score"].numpy(), trained, atol=0.01)


@pytest.mark.parametrize("form", FORMS)
def test_training_and_every_served_form_have_one_preprocessing(
    form, folder, network, features, tiles, scalars, transform
):
    """What a served form makes of the measures is what training made of them, to 1e-5, in float32 beside an int8 backbone."""
    served = load(folder, form)
    assert served.scalars == SCALARS
    told = served.score(tiles, measures(scalars))
    taught = network.detector.predict(features_of(features, [tiles]), transform.of(scalars))
    got = np.array([[prediction.defects[name] for name in DEFECTS] for prediction in told])
    if form != "int8":
        np.testing.assert_allclose(got, taught, atol=1e-5)
    # The measures' part alone: with tiles all alike, what differs is theirs.
    same = np.repeat(tiles[:1], PHOTOS, axis=0)
    logit = lambda p: np.log(p / (1 - p))  # noqa: E731
    moved = np.array([[p.defects[name] for name in DEFECTS] for p in served.score(same, measures(scalars))])
    expected = network.detector.predict(features_of(features, [same]), transform.of(scalars))
    apart = logit(moved) - logit(expected)
    assert np.abs(apart).max() <= (0.5 if form == "int8" else 1e-3)


@pytest.mark.parametrize("form", FORMS)
def test_a_photo_scores_the_same_alone_and_in_a_batch(form, folder, tiles, scalars):
    served = load(folder, form)
    together = served.score(tiles[:9], measures(scalars[:9]))
    for place in range(9):
        alone = served.opinion(Seen(tiles[place], measures(scalars)[place]))
        assert alone.score == pytest.approx(together[place].score, abs=0.01)


def test_without_measures_it_says_what_it_needs_and_unknown_ones_are_no_fault(folder, tiles):
    served = load(folder, "litert")
    with pytest.raises(ValueError, match="as many measures as photos"):
        served.score(tiles[:2])
    assert np.isfinite([p.score for p in served.score(tiles[:2], [{}, {"noise": 3.0, "other": 1.0}])]).all()
    served.warm_up()


def test_the_handler_hands_measures_on(folder, tiles, scalars):
    served = load(folder, "litert")
    batch = [Seen(tiles[0], measures(scalars)[0]), None, Seen(np.zeros(3, np.uint8), {}), Seen(tiles[1], {})]
    first, nothing, unfit, last = QualityModelHandler().run_inference(batch, served)
    assert first.defects == served.opinion(batch[0]).defects and nothing is None
    assert isinstance(unfit, RefusalError) and last.defects == served.opinion(batch[3]).defects


def test_the_version_knows_the_transform(network, scalars, tmp_path):
    other = ScalarTransform(learn_transform(scalars + 1, tmp_path))
    heads = network.features, network.opinion, network.interval, network.detector, network.order
    versions = {version(QualityNetwork(*heads, each), SETTINGS, None) for each in (network.transform, other, None)}
    assert len(versions) == 3


def test_mixed_precision_takes_measures_too(folder, tiles, scalars):
    whole, low = (load(folder, "savedmodel", precision=kind) for kind in ("float32", "float16"))
    before, after = ([p.score for p in model.score(tiles, measures(scalars))] for model in (whole, low))
    assert np.abs(np.array(before) - after).max() < 1.0
