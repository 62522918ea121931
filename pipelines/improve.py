"""`vitrine improve`: mend photos behind the guard, and say step by step what was found and done.

`--only` applies one operation without the guard.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from pipelines.config import Config
from transforms.errors import RefusalError, UserError
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.encode import encode
from transforms.imaging.measures import look, measure
from transforms.imaging.operations import OPERATIONS
from transforms.imaging.optimize import optimize
from transforms.imaging.policy import judge, severities
from transforms.imaging.types import Assessment, Judgement, Mended, Photo, Pixels
from transforms.reasons import WHY_LEFT

SUFFIXES = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
PHOTOS = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".heic",
        ".heif",
        ".avif",
        ".jp2",
        ".ppm",
        ".pgm",
        ".ico",
    ]
)
"""Files of a folder that are looked at; a file named on the command line is looked at whatever its name."""


FAITHFUL = 98
"""Least JPEG quality that `--only` writes: who measures an operation should not measure a codec with it."""


@dataclass(frozen=True, slots=True)
class Improved:
    """What became of one photo: the bytes to write, their format's name, and the pixels before and after."""

    data: bytes
    suffix: str
    before: Pixels
    after: Pixels
    lines: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vitrine improve` takes."""
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO|FOLDER")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="a folder")
    parser.add_argument("--show", action="store_true", help="also write before | after to OUT/shown")
    parser.add_argument("--format", choices=tuple(SUFFIXES), help="of all that is written; else as it came")
    parser.add_argument("--only", choices=tuple(OPERATIONS), metavar="OPERATION", help=_operations_help())
    parser.add_argument("--strength", default="auto", help="of --only: a factor, or auto for what the photo asks for")


def _operations_help() -> str:
    return "one operation, without the guard: " + "; ".join(
        f"{name} ({line})" for name, (_, line) in OPERATIONS.items()
    )


def run(args: argparse.Namespace, config: Config) -> int:
    """Mend each photo; 0 when every one was written, 1 when one was left out, which is said where it stood."""
    if args.only is None and args.strength != "auto":
        raise UserError("--strength belongs to --only; behind the guard the weakest that helps is taken")
    strength = _strength(args.strength)
    names, left_out = _names(args.photos, args.output)
    try:
        args.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{args.output} cannot be made a folder to write to: {error.strerror}") from error
    total = len(names) + len(left_out)
    for line in left_out:
        print(line, flush=True)
    for source, stem in names:
        try:
            improved = improve(source, config, args.only, strength, args.format)
        except RefusalError as error:
            left_out.append(f"{source}: refused, {error.code}: {error.message}")
        except OSError as error:
            left_out.append(f"{source}: cannot be read: {error.strerror}")
        else:
            _deliver(improved, source, args.output, stem, args.show)
            continue
        print(left_out[-1], flush=True)
    if left_out:
        print(f"vitrine: {len(left_out)} of {total} left out, each for the reason above", file=sys.stderr)
    return 1 if left_out else 0


def _deliver(improved: Improved, source: Path, output: Path, stem: str, show: bool) -> None:
    target = output / (stem + improved.suffix)
    _write(target, improved.data)
    print("\n    ".join((f"{source} -> {target}", *improved.lines)), flush=True)
    if show:
        _show(output / "shown" / f"{stem}.png", improved)


def improve(source: Path, config: Config, only: str | None, strength: float, wanted: str | None) -> Improved:
    """Mend one file.

    Args:
        source: where it is.
        config: limits, thresholds, bounds and encoding.
        only: one of `OPERATIONS`, applied without the guard; None for all, behind it.
        strength: of `only`.
        wanted: format to write; None for the original's own where it can be written, else JPEG.

    Raises:
        RefusalError: it cannot be decoded.
        OSError: it cannot be read.
    """
    data = source.read_bytes()
    photo = decode(data, config.rules.assess.decode)
    if only is not None:
        after: Pixels | None = OPERATIONS[only][0](photo, strength)
        lines = [f"{only}, strength {strength:g}, no guard"]
    else:
        judgement, mended = _behind_guard(photo, config)
        after, lines = mended.pixels, list(_lines(judgement, mended))
    own = photo.header.format if photo.header.format in SUFFIXES else "jpeg"
    written = wanted or own
    if after is None and written == photo.header.format:
        # Nothing was done and nothing else was asked for: the very bytes.
        return Improved(data, source.suffix or SUFFIXES[own], photo.pixels, photo.pixels, tuple(lines))
    pixels = photo.pixels if after is None else after
    settings = replace(config.rules.encode, format=written)
    if only is not None:
        settings = replace(settings, quality=max(settings.quality, FAITHFUL))
    step = only or ", ".join(line.split(":")[0] for line in lines if line.startswith("did "))
    encoded = encode(pixels, data, settings, step)
    return Improved(encoded, SUFFIXES[written], photo.pixels, pixels, tuple(lines))


def _behind_guard(photo: Photo, config: Config) -> tuple[Judgement, Mended]:
    rules = config.rules
    view = look(photo.pixels, photo.jpeg_quality)
    region = view.region
    found = Assessment(photo.header, "", "", measure(view), region.box, region.confidence, None)
    judgement = judge(found, None, rules.thresholds)

    def remeasure(pixels: Pixels) -> dict[str, float]:
        return severities(measure(look(pixels, photo.jpeg_quality), writing=False), rules.thresholds)

    return judgement, optimize(photo, found, judgement, rules.bounds, remeasure)


def _lines(judgement: Judgement, mended: Mended) -> Iterator[str]:
    for reason in judgement.reasons:
        yield f"found {reason.code}: severity {reason.severity:.2f}"
    for action in mended.actions:
        parameters = ", ".join(f"{name} {value}" for name, value in action.parameters.items())
        yield f"did {action.operation}: severity {action.before:.2f} to {action.after:.2f} ({parameters})"
    for action in mended.declined:
        yield f"left {action.operation}: {WHY_LEFT[action.bound or '']}"
    if not mended.actions:
        yield "delivered as it is"


def _strength(text: str) -> float:
    if text == "auto":
        return 1.0
    try:
        strength = float(text)
    except ValueError:
        strength = float("nan")
    if not 0 <= strength <= 10:
        raise UserError(f"--strength is auto or a number from 0 to 10, not {text}")
    return strength


def _names(inputs: list[Path], output: Path) -> tuple[list[tuple[Path, str]], list[str]]:
    """Each photo with the stem that it is written under, distinct as two inputs may share a name; and a sentence for
    each input that is no photo.
    """
    files: list[Path] = []
    left_out: list[str] = []
    for given in inputs:
        if given.is_dir():
            inside = sorted(path for path in given.iterdir() if path.is_file() and path.suffix.lower() in PHOTOS)
            if not inside:
                left_out.append(f"there is no photo in {given}")
            files += inside
        elif given.exists():
            files.append(given)
        else:
            left_out.append(f"there is no {given}")
    if not files:
        raise UserError("; ".join(left_out))
    if any(path.parent.resolve() == output.resolve() for path in files):
        raise UserError(f"{output} is where the photos are: the originals would be overwritten; name another folder")
    taken: set[str] = set()
    names: list[tuple[Path, str]] = []
    for path in files:
        stem, number = path.stem, 1
        while stem.lower() in taken:
            number += 1
            stem = f"{path.stem}-{number}"
        taken.add(stem.lower())
        names.append((path, stem))
    return names, left_out


def _write(target: Path, data: bytes) -> None:
    partial = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UserError(f"{target} cannot be written: {error.strerror}") from error


def _show(target: Path, improved: Improved, side: int = 1200) -> None:
    halves = []
    for pixels in (improved.before, improved.after):
        scale = min(1.0, side / max(pixels.shape[:2]))
        size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
        halves.append(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    height = max(half.shape[0] for half in halves)
    framed = [cv2.copyMakeBorder(half, 0, height - half.shape[0], 0, 6, cv2.BORDER_CONSTANT) for half in halves]
    done, blob = cv2.imencode(".png", cv2.cvtColor(np.hstack(framed), cv2.COLOR_RGB2BGR))
    if done:
        _write(target, blob.tobytes())
