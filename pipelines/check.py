"""`vitrine check`: a few photos at once, through the same functions as a run, without Beam or TensorFlow."""

import argparse
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.scorer import Scorer, load
from models.tiles import extents
from pipelines.config import Config
from pipelines.run_file import maker
from transforms import identity, steps
from transforms.case import Case
from transforms.errors import RefusalError, UserError
from transforms.imaging.codec.decode import decode
from transforms.imaging.explain import explain
from transforms.imaging.types import Box
from transforms.reasons import REFUSALS, UNSCORED, WHY_LEFT, advice, asked
from transforms.records import ImageEvent

LANGUAGES = ("en", "zh")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vitrine check` takes."""
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="a file, or a gs://, s3:// or https:// URI")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, as the table has it")
    parser.add_argument("--role", default="main", help="main, detail, size_chart or unknown")
    parser.add_argument("--explain", type=Path, metavar="OUT.png", help="draw what was found over the (one) photo")
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="of the advice")


def run(args: argparse.Namespace, config: Config) -> int:
    """Judge each photo; 0 when every one could be judged, 1 when one was refused."""
    if args.explain and len(args.photos) > 1:
        raise UserError("--explain draws one photo: name one")
    if args.explain:
        _spare(args.explain, args.photos[0])
    scorer = load(config.model.directory, config.model.form, precision=config.model.precision, tensorflow=False)
    scorer.expect(config.tiles)
    refused = 0
    for name in args.photos:
        try:
            case = _examine(name, args.role, config, scorer)
        except RefusalError as error:
            refused += 1
            _print_refusal(name, error, args.json)
            continue
        if args.explain:
            _draw(case, args.explain, config)
        if args.json:
            print(json.dumps(_document(case, config, scorer), ensure_ascii=False, default=str), flush=True)
        else:
            print("\n".join(_lines(name, case, args.language)), flush=True)
    return 1 if refused else 0


def _examine(name: str, role: str, config: Config, scorer: Scorer) -> Case:
    uri = identity.canonical_uri(name)
    event = ImageEvent(event_id=identity.event_id(None, uri, "", uri), uri=uri, role=role)
    began = time.perf_counter()
    fetched = steps.fetch(event, config.fetch, config.rules)
    case = steps.examine(fetched, config.rules, scorer.opinion)
    return dataclasses.replace(case, seconds=time.perf_counter() - began)


def _spare(target: Path, photo: str) -> None:
    """Refuse to draw where a photo would be lost for it."""
    if target.suffix.lower() != ".png":
        raise UserError(f"--explain writes a PNG: give it a name that ends in .png, not {target}")
    if target.exists() and Path(photo).exists() and target.samefile(photo):
        raise UserError(f"--explain {target} is the photo itself: name another file")


def _draw(case: Case, target: Path, config: Config) -> None:
    """Write the photo as received, with region, tiles and reasons over it.

    Raises:
        UserError: the place cannot be written.
    """
    received = case.original or case
    assert received.assessment is not None
    pixels = decode(received.data, config.decode).pixels
    height, width = pixels.shape[:2]
    boxes = tuple(
        Box((1 - side / width) / 2, (1 - side / height) / 2, side / width, side / height)
        for side in extents(height, width, config.tiles)
    )
    score = received.prediction.score if received.prediction else None
    drawn = explain(pixels, received.assessment, steps.final_judgement(case), boxes, score)
    try:
        target.write_bytes(cv2.imencode(".png", np.ascontiguousarray(drawn[..., ::-1]))[1].tobytes())
    except OSError as error:
        raise UserError(f"{target} cannot be written: {error.strerror}") from None


def _document(case: Case, config: Config, scorer: Scorer) -> dict[str, Any]:
    row = steps.record(case, maker(config, scorer))
    row["reasons"] = [
        {**reason, "advice": dict(zip(LANGUAGES, advice(reason["code"], reason["amount"]), strict=True))}
        for reason in row["reasons"]
    ]
    return row


_MENDS = {
    "improve": "mended by {}",
    "accept": "a mend by {} was tried and not kept, for something severe is in the mended photo",
    "retake": "a mend by {} is a proposal, not delivered",
}
"""Verdict -> what the operations that the guard let pass came to."""


def _lines(name: str, case: Case, language: str) -> Iterator[str]:
    judgement = steps.final_judgement(case)
    received = case.original or case
    opinion = received.prediction
    score = (
        f"score {opinion.score:.0f} ({opinion.low:.0f} to {opinion.high:.0f}), {judgement.band}"
        if opinion
        else "no score"
    )
    yield f"{_on_one_line(name)}: {judgement.verdict}, {score}"
    if received.assessment and received.assessment.unscored:
        yield f"    not scored: {UNSCORED[received.assessment.unscored]}"
    if opinion and opinion.unfamiliar:
        yield "    unlike the photos that the model was taught by: its score says little"
    for reason in judgement.reasons:
        told = asked(reason.code, reason.amount, judgement.verdict)[LANGUAGES.index(language)]
        yield f"    {reason.code} {reason.severity:.2f}: {told}"
    for action in case.mended.actions if case.mended else ():
        yield f"    {_MENDS[judgement.verdict].format(action.operation)}: severity {action.before:.2f} → {action.after:.2f}"
    for action in case.mended.declined if case.mended else ():
        yield f"    not mended by {action.operation}: {WHY_LEFT[action.bound or '']}"


def _on_one_line(name: str) -> str:
    """Show a file's name without what would break the line or the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _print_refusal(name: str, error: RefusalError, as_json: bool) -> None:
    if as_json:
        print(
            json.dumps({"uri": name, "verdict": None, "code": error.code, "message": error.message}, ensure_ascii=False)
        )
    else:
        print(f"{_on_one_line(name)}: refused, {error.code} ({REFUSALS[error.code]}): {error.message}", flush=True)
