"""`vitrine evaluate verdicts`: what the verdicts are worth.

Against a set of labelled photos (two looks each, as `shared/data/verdicts`): how many fine photos are asked for again or changed,
by kind of item; how many of those that want mending get a reason that a look named. On fine photos spoilt on purpose: how
many are asked for again, and for the right reason. And whether the same photo in another encoding gets the same verdict.

The light and colour thresholds depend on labelled photos. With `--cross-validate` each photo is judged with thresholds that
were calibrated without its seller; without, with those of the configuration. The model is asked, as in a run: it may
tell reasons, not change verdicts.
"""

import argparse
import base64
import csv
import html
import io
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from models.scorer import load
from pipelines.config import Config
from pipelines.evaluate_rates import print_rate
from pipelines.evaluate_spoilt import Ruined, print_spoilt
from transforms.case import Case
from transforms.errors import RefusalError, UserError
from transforms.imaging.codec.decode import decode
from transforms.imaging.policy import calibrate
from transforms.imaging.types import Assessment, Judgement, Pixels, Prediction
from transforms.reasons import REASONS
from transforms.records import ImageEvent
from transforms.steps import Rules, Score, assess, final_judgement, judge_mended, mend, opine
from transforms.steps import judge as judge_case

FOLDS = 5


@dataclass(frozen=True)
class Labelled:
    """A photo, its seller, and what two looks said of it."""

    path: Path
    seller: str
    verdicts: tuple[str, str]
    reasons: tuple[frozenset[str], frozenset[str]]
    items: tuple[str, str]

    @property
    def fine(self) -> bool:
        """Both looks said ok."""
        return self.verdicts == ("ok", "ok")

    @property
    def spotless(self) -> bool:
        """Both said ok and neither gave any reason."""
        return self.fine and not self.reasons[0] and not self.reasons[1]

    @property
    def named(self) -> frozenset[str]:
        """The reasons that either look gave."""
        return self.reasons[0] | self.reasons[1]


@dataclass(frozen=True)
class Outcome:
    """A labelled photo with our judgement of it as received, the final verdict, what was measured and what the model said."""

    labelled: Labelled
    assessment: Assessment
    prediction: Prediction | None
    judgement: Judgement

    @property
    def rubric(self) -> frozenset[str]:
        """Our reasons in the rubric's codes."""
        return frozenset(REASONS[reason.code].rubric for reason in self.judgement.reasons)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vitrine evaluate verdicts` takes."""
    parser.add_argument(
        "--set",
        type=Path,
        default=Path("../shared/data/verdicts"),
        metavar="DIR",
        help="the folder of verdicts.csv (default: %(default)s)",
    )
    parser.add_argument(
        "--photos", type=Path, metavar="DIR", help="the photos and uploads.csv (default: SET/../uploads)"
    )
    parser.add_argument("--cross-validate", action="store_true", help="calibrate without the photo's own seller")
    parser.add_argument("--spoilt", type=int, default=0, metavar="N", help="also spoil N fine photos in every way")
    parser.add_argument("--stable", type=int, default=0, metavar="N", help="also re-encode N photos in every way")
    parser.add_argument(
        "--measures-alone", action="store_true", help="judge without the model, as where none is loaded"
    )
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the pictures of every disagreement to a page")


def run(args: argparse.Namespace, config: Config) -> int:
    """Evaluate and print the tables."""
    cv2.setNumThreads(1)
    photos = args.photos or args.set.parent / "uploads"
    rules = config.rules
    labelled = read_labels(args.set, photos)
    score = None if args.measures_alone else _scoring(config)
    outcomes = [judged(one, rules, score) for one in labelled]
    if args.cross_validate:
        outcomes = cross_validated(outcomes, rules)
    print_labels(outcomes)
    fine = [one.labelled for one in outcomes if one.labelled.fine][: args.spoilt]
    missed = print_spoilt([(one.path, one.items[0]) for one in fine], rules, score) if fine else []
    if args.page:
        write_page(outcomes, missed, args.page)
        print(f"\nevery disagreement: {args.page}")
    if args.stable:
        print_stable([one.labelled.path for one in outcomes[: args.stable]], rules)
    return 0


def _scoring(config: Config) -> Score:
    scorer = load(config.model.directory, config.model.form, precision=config.model.precision, tensorflow=False)
    scorer.expect(config.tiles)
    return scorer.opinion


def read_labels(folder: Path, photos: Path) -> list[Labelled]:
    """Read `verdicts.csv` and, for the sellers, `uploads.csv` beside the photos.

    Raises:
        UserError: one of them is not there.
    """
    try:
        with (photos / "uploads.csv").open(newline="", encoding="utf-8") as table:
            sellers = {row["file"]: row["seller_id"] for row in csv.DictReader(table)}
        with (folder / "verdicts.csv").open(newline="", encoding="utf-8") as table:
            rows = list(csv.DictReader(table))
    except OSError as error:
        raise UserError(
            f"no labels to evaluate against: {error.filename}: {error.strerror}; name them with --set"
        ) from None
    return [
        Labelled(
            photos / row["file"],
            sellers.get(row["file"], row["file"]),
            (row["verdict_a"], row["verdict_b"]),
            (_codes(row["reasons_a"]), _codes(row["reasons_b"])),
            (row["item_a"], row["item_b"]),
        )
        for row in rows
    ]


def _codes(text: str) -> frozenset[str]:
    return frozenset(code for code in text.split(";") if code)


def judged(labelled: Labelled, rules: Rules, score: Score | None) -> Outcome:
    """Judge a labelled photo by the path that every photo takes, the model's opinion included where `score` gives one."""
    case = assess(Case(ImageEvent("", str(labelled.path), ""), labelled.path.read_bytes()), rules)
    return _concluded(labelled, opine(case, score) if score else case, rules)


def _concluded(labelled: Labelled, case: Case, rules: Rules) -> Outcome:
    # No verdict depends on the model, so what is mended is not shown to it again.
    done = judge_mended(mend(judge_case(case, rules), rules), rules)
    assert case.assessment is not None
    return Outcome(labelled, case.assessment, case.prediction, final_judgement(done))


def cross_validated(outcomes: Sequence[Outcome], rules: Rules) -> list[Outcome]:
    """Judge each photo again with thresholds that were calibrated on the other folds' sellers."""
    sellers = sorted({one.labelled.seller for one in outcomes})
    order = np.random.default_rng(0).permutation(len(sellers))
    fold = {seller: int(order[i]) % FOLDS for i, seller in enumerate(sellers)}
    again = []
    for held in range(FOLDS):
        spotless = [
            one.assessment.measures for one in outcomes if fold[one.labelled.seller] != held and one.labelled.spotless
        ]
        theirs = replace(rules, thresholds=calibrate(spotless, rules.thresholds))
        for one in outcomes:
            if fold[one.labelled.seller] == held:
                data = one.labelled.path.read_bytes()
                case = Case(ImageEvent("", "", ""), data, assessment=one.assessment, prediction=one.prediction)
                again.append(_concluded(one.labelled, case, theirs))
    return again


def print_labels(outcomes: Sequence[Outcome]) -> None:
    """Print confusion, false retakes by kind, and how many reasons are right."""
    print("labels (either look's worse) against ours\n")
    order = ("ok", "mend", "retake")
    counts = Counter((max(o.labelled.verdicts, key=order.index), o.judgement.verdict) for o in outcomes)
    print(f"{'':8}{'accept':>9}{'improve':>9}{'retake':>9}")
    for label in order:
        print(f"{label:8}" + "".join(f"{counts[label, ours]:9}" for ours in ("accept", "improve", "retake")))
    fine = [o for o in outcomes if o.labelled.fine]
    spotless = [o for o in outcomes if o.labelled.spotless]
    retakes = [o for o in outcomes if "retake" in o.labelled.verdicts]
    mendable = [o for o in outcomes if "mend" in o.labelled.verdicts]
    print(f"\n{'':44}{'rate':>7}   95 % interval   n")
    print_rate("false retake, both ok", [o.judgement.verdict == "retake" for o in fine])
    for item in sorted({i for o in fine for i in o.labelled.items}):
        print_rate(f"  {item}", [o.judgement.verdict == "retake" for o in fine if item in o.labelled.items])
    for code in sorted({o.judgement.reasons[0].code for o in fine if o.judgement.verdict == "retake"}):
        print_rate(f"  for {code}", [_asked_for(o, code) for o in fine])
    print_rate("left alone (accept), both ok", [o.judgement.verdict == "accept" for o in fine])
    print_rate("no reason shown, both ok without reasons", [not o.judgement.reasons for o in spotless])
    print_rate("a look's reason is ours, either said mend", [bool(o.rubric & o.labelled.named) for o in mendable])
    print_rate(
        "retake where both said retake",
        [o.judgement.verdict == "retake" for o in outcomes if set(o.labelled.verdicts) == {"retake"}],
    )
    print_rate("missed retake, either said retake", [o.judgement.verdict != "retake" for o in retakes])
    for code in sorted({c for o in retakes for c in o.labelled.named}):
        hits = [o.judgement.verdict != "retake" for o in retakes if code in o.labelled.named]
        print_rate(f"  {code} named", hits)
    print("\nreason         both named  found   either named  found   spotless  shown")
    for code in sorted({c for o in outcomes for c in o.labelled.named | o.rubric}):
        both = [o for o in outcomes if code in o.labelled.reasons[0] & o.labelled.reasons[1]]
        either = [o for o in outcomes if code in o.labelled.named]
        numbers = [(len(group), sum(code in o.rubric for o in group)) for group in (both, either, spotless)]
        print(f"{code:14}" + "".join(f"{n:11}{found:7}" for n, found in numbers))


def _asked_for(outcome: Outcome, code: str) -> bool:
    """Say whether a photo is asked for again, and first for this reason."""
    return outcome.judgement.verdict == "retake" and outcome.judgement.reasons[0].code == code


SAME: Mapping[str, Callable[[Pixels], bytes]] = {
    "JPEG 97": lambda p: _encoded(p, ".jpg", (cv2.IMWRITE_JPEG_QUALITY, 97)),
    "PNG": lambda p: _encoded(p, ".png", (cv2.IMWRITE_PNG_COMPRESSION, 1)),
    "WebP 90": lambda p: _encoded(p, ".webp", (cv2.IMWRITE_WEBP_QUALITY, 90)),
    "80 % size": lambda p: _encoded(_resized(p, 0.8), ".png"),
    "turned by EXIF": lambda p: _turned(p),
    "one pixel cropped": lambda p: _encoded(np.ascontiguousarray(p[1:, 1:]), ".png"),
}
"""Ways in which the same photo may arrive again."""


def _encoded(pixels: Pixels, suffix: str, options: tuple[int, ...] = ()) -> bytes:
    return cv2.imencode(suffix, np.ascontiguousarray(pixels[..., ::-1]), list(options))[1].tobytes()


def _resized(pixels: Pixels, scale: float) -> Pixels:
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _turned(pixels: Pixels) -> bytes:
    """Store the photo lying on its side, with the orientation tag that puts it upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    kept = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.rot90(pixels))).save(kept, "PNG", exif=exif.tobytes())
    return kept.getvalue()


def print_stable(paths: Sequence[Path], rules: Rules) -> None:
    """Print how often the verdict flips when the same photo arrives in another form."""
    print(f"\nthe same {len(paths)} photos in another form: verdict flips\n")
    before = [_verdict(path.read_bytes(), rules) for path in paths]
    for name, change in SAME.items():
        flips = 0
        for path, verdict in zip(paths, before, strict=True):
            flips += _verdict(change(decode(path.read_bytes(), rules.assess.decode).pixels), rules) != verdict
        print(f"{name:20}{flips:4}   {100 * flips / len(paths):5.2f} %", flush=True)


def _verdict(data: bytes, rules: Rules) -> str:
    case = assess(Case(ImageEvent("", "", ""), data), rules)
    return final_judgement(judge_mended(mend(judge_case(case, rules), rules), rules)).verdict


def disagreements(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, Outcome]]:
    """Yield what we and the looks see differently, the costliest first."""
    groups: list[tuple[str, Callable[[Outcome], bool]]] = [
        ("fine, yet we ask for it again", lambda o: o.labelled.fine and o.judgement.verdict == "retake"),
        (
            "to be taken again, and we do not ask",
            lambda o: "retake" in o.labelled.verdicts and o.judgement.verdict != "retake",
        ),
        ("fine, yet we changed it", lambda o: o.labelled.fine and o.judgement.verdict == "improve"),
        ("spotless, yet we give a reason", lambda o: o.labelled.spotless and bool(o.judgement.reasons)),
        (
            "not fine, and none of our reasons was named",
            lambda o: not o.labelled.fine and not o.rubric & o.labelled.named,
        ),
    ]
    for title, chosen in groups:
        for one in outcomes:
            if chosen(one):
                yield title, one


def write_page(outcomes: Sequence[Outcome], missed: Sequence[Ruined], target: Path) -> None:
    """Write every disagreement with its picture to one page, and every ruined photo that was not asked for again."""
    parts = ["<!doctype html><meta charset=utf-8><title>Verdicts: disagreements</title>"]
    parts.append("<style>body{font:14px sans-serif}figure{display:inline-block;width:220px;vertical-align:top}</style>")
    title = ""
    for group, one in disagreements(outcomes):
        if group != title:
            title = group
            parts.append(f"<h2>{html.escape(title)}</h2>")
        ours = ", ".join(f"{r.code} {r.severity:.2f}" for r in one.judgement.reasons) or "-"
        looks = " | ".join(
            f"{v}: {', '.join(sorted(r)) or '-'}"
            for v, r in zip(one.labelled.verdicts, one.labelled.reasons, strict=True)
        )
        caption = f"<b>{one.judgement.verdict}: {html.escape(ours)}</b><br>looks: {html.escape(looks)}"
        parts.append(_figure(_thumbnail(one.labelled.path), caption))
    if missed:
        parts.append("<h2>ruined on purpose, and we do not ask for it again</h2>")
    for spoilt in missed:
        reasons = ", ".join(f"{r.code} {r.severity:.2f}" for r in spoilt.worst.reasons) or "-"
        parts.append(_figure(_reduced(spoilt.pixels), f"<b>{html.escape(spoilt.way)}</b>: {html.escape(reasons)}"))
    target.write_text("\n".join(parts), encoding="utf-8")


def _figure(picture: bytes, caption: str) -> str:
    data = base64.b64encode(picture).decode()
    return f'<figure><img width=210 src="data:image/jpeg;base64,{data}"><figcaption>{caption}</figcaption></figure>'


def _thumbnail(path: Path) -> bytes:
    try:
        return _reduced(decode(path.read_bytes(), Rules().assess.decode).pixels)
    except RefusalError as error:
        print(f"{path}: {error.message}", file=sys.stderr)
        return b""


def _reduced(pixels: Pixels) -> bytes:
    return _encoded(_resized(pixels, min(1.0, 420 / max(pixels.shape[:2]))), ".jpg", (cv2.IMWRITE_JPEG_QUALITY, 80))
