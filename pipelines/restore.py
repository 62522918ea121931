"""`vitrine restore`: fill what a mask marks as damaged. Nothing but the marked pixels changes."""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipelines.config import Config
from pipelines.improve import SUFFIXES
from transforms.errors import RefusalError, UserError
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.encode import encode
from transforms.imaging.fixes.inpaint import check_mask, inpaint_smooth, inpaint_telea
from transforms.imaging.types import Pixels

METHODS = ("biharmonic", "telea", "deep-prior")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vitrine restore` takes."""
    parser.add_argument("photo", type=Path, metavar="PHOTO")
    parser.add_argument("--mask", type=Path, required=True, help="of the photo's size: white is damaged, black is kept")
    parser.add_argument("--method", choices=METHODS, default="biharmonic", help="deep-prior takes minutes")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="PHOTO-restored beside the photo if not given"
    )


def run(args: argparse.Namespace, config: Config) -> int:
    """Fill the marked pixels and write the photo; 0 when it was written."""
    output = args.output or args.photo.with_name(f"{args.photo.stem}-restored{args.photo.suffix}")
    wanted = {suffix: name for name, suffix in SUFFIXES.items()} | {".jpeg": "jpeg"}
    written = wanted.get(output.suffix.lower())
    if written is None:
        raise UserError(f"{output} is of a format that is not written: use one of {', '.join(wanted)}")
    if output.exists() and any(path.exists() and output.samefile(path) for path in (args.photo, args.mask)):
        raise UserError(f"{output} is the photo or its mask, which would be lost: name another file")
    data = _bytes(args.photo)
    try:
        pixels = decode(data, config.rules.assess.decode).pixels
        mask = decode(_bytes(args.mask), config.rules.assess.decode).pixels.max(axis=2) > 127
    except RefusalError as error:
        raise UserError(f"a photo and a mask are needed: {error.code}, {error.message}") from error
    check_mask(pixels, mask)
    started = time.monotonic()
    restored = fill(pixels, mask, args.method)
    encoded = encode(restored, data, replace(config.rules.encode, format=written), f"restored by {args.method}")
    try:
        output.write_bytes(encoded)
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror}") from error
    share = 100 * mask.mean()
    print(f"{args.photo} -> {output}: {share:.2f} % filled by {args.method} in {time.monotonic() - started:.1f} s")
    return 0


def fill(pixels: Pixels, mask: npt.NDArray[np.bool_], method: str) -> Pixels:
    """Fill `mask` (height x width, bool) by one of `METHODS`."""
    if method == "biharmonic":
        return inpaint_smooth(pixels, mask)
    if method == "telea":
        return inpaint_telea(pixels, mask)
    # TensorFlow takes seconds to import and is needed by this method alone.
    from transforms.imaging.fixes.deep_prior import inpaint_deep_prior

    return inpaint_deep_prior(pixels, mask)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
