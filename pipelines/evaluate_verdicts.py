"""`vitrine evaluate verdicts`: what the verdicts are worth.

Against a set of labelled photos (two looks each, as `shared/data/verdicts`): how many fine photos are asked for again or changed,
by kind of item; how many of those that want mending get a reason that a look named. On fine photos spoilt on purpose: how
many are asked for again, and for the right reason. And whether the same photo in another encoding gets the same verdict.

The light and colour thresholds depend on labelled photos. With `--cross-validate` each photo is judged with thresholds that
were calibrated without its seller; without, with those of the configuration.
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

from pipelines.config import Config
from transforms.case import Case
from transforms.errors import RefusalError, UserError
from transforms.imaging import spoil
from transforms.imaging.codec.decode import decode
from transforms.imaging.policy import calibrate
from transforms.imaging.types import Assessment, Judgement, Pixels
from transforms.reasons import REASONS
from transforms.records import ImageEvent
from transforms.steps import Rules, assess, final_judgement, judge_mended, mend
from transforms.steps import judge as judge_case

FOLDS = 5
SIDE_400 = 400


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
    """A labelled photo with our judgement of it as received, the final verdict, and what was measured."""

    labelled: Labelled
    assessment: Assessment
    judgement: Judgement

    @property
    def rubric(self) -> frozenset[str]:
        """Our reasons in the rubric's codes."""
        return frozenset(REASONS[reason.code].rubric for reason in self.judgement.reasons)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vitrine evaluate verdicts` takes."""
    parser.add_argument("--set", type=Path, default=Path("../shared/data/verdicts"), metavar="DIR", help="verdicts.csv")
    parser.add_argument(
        "--photos", type=Path, metavar="DIR", help="the photos and uploads.csv (default: SET/../uploads)"
    )
    parser.add_argument("--cross-validate", action="store_true", help="calibrate without the photo's own seller")
    parser.add_argument("--spoilt", type=int, default=0, metavar="N", help="also spoil N fine photos in every way")
    parser.add_argument("--stable", type=int, default=0, metavar="N", help="also re-encode N photos in every way")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the pictures of every disagreement to a page")


def run(args: argparse.Namespace, config: Config) -> int:
    """Evaluate and print the tables."""
    cv2.setNumThreads(1)
    photos = args.photos or args.set.parent / "uploads"
    rules = config.rules
    labelled = read_labels(args.set, photos)
    outcomes = [judged(one, rules) for one in labelled]
    if args.cross_validate:
        outcomes = cross_validated(outcomes, rules)
    print_labels(outcomes)
    if args.page:
        write_page(outcomes, args.page)
        print(f"\nevery disagreement: {args.page}")
    fine = [one for one in outcomes if one.labelled.fine]
    if args.spoilt:
        print_spoilt([one.labelled.path for one in fine[: args.spoilt]], rules)
    if args.stable:
        print_stable([one.labelled.path for one in outcomes[: args.stable]], rules)
    return 0


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


def judged(labelled: Labelled, rules: Rules) -> Outcome:
    """Judge a labelled photo by the path that every photo takes, without the model: no reason depends on its score."""
    case = assess(Case(ImageEvent("", str(labelled.path), ""), labelled.path.read_bytes()), rules)
    return _concluded(labelled, case, rules)


def _concluded(labelled: Labelled, case: Case, rules: Rules) -> Outcome:
    done = judge_mended(mend(judge_case(case, rules), rules), rules)
    assert case.assessment is not None
    return Outcome(labelled, case.assessment, final_judgement(done))


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
                case = Case(ImageEvent("", "", ""), one.labelled.path.read_bytes(), assessment=one.assessment)
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
    mendable = [o for o in outcomes if "mend" in o.labelled.verdicts]
    print(f"\n{'':44}{'rate':>7}   95 % interval   n")
    _print_rate("false retake, both ok", [o.judgement.verdict == "retake" for o in fine])
    for item in sorted({i for o in fine for i in o.labelled.items}):
        _print_rate(f"  {item}", [o.judgement.verdict == "retake" for o in fine if item in o.labelled.items])
    _print_rate("left alone (accept), both ok", [o.judgement.verdict == "accept" for o in fine])
    _print_rate("no reason shown, both ok without reasons", [not o.judgement.reasons for o in spotless])
    _print_rate("a look's reason is ours, either said mend", [bool(o.rubric & o.labelled.named) for o in mendable])
    _print_rate(
        "retake where both said retake",
        [o.judgement.verdict == "retake" for o in outcomes if set(o.labelled.verdicts) == {"retake"}],
    )
    print("\nreason         both named  found   either named  found   spotless  shown")
    for code in sorted({c for o in outcomes for c in o.labelled.named | o.rubric}):
        both = [o for o in outcomes if code in o.labelled.reasons[0] & o.labelled.reasons[1]]
        either = [o for o in outcomes if code in o.labelled.named]
        numbers = [(len(group), sum(code in o.rubric for o in group)) for group in (both, either, spotless)]
        print(f"{code:14}" + "".join(f"{n:11}{found:7}" for n, found in numbers))


def _print_rate(name: str, hits: Sequence[bool]) -> None:
    low, high = interval(sum(hits), len(hits))
    rate = f"{100 * sum(hits) / len(hits):6.1f}%" if hits else "      -"
    print(f"{name:44}{rate}   {100 * low:5.1f} to {100 * high:5.1f}   {len(hits)}")


def interval(hits: int, count: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a rate; 0..1 where nothing was counted."""
    if count == 0:
        return 0.0, 1.0
    z, rate = 1.96, hits / count
    middle = (rate + z * z / (2 * count)) / (1 + z * z / count)
    reach = z * np.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, float(middle - reach)), min(1.0, float(middle + reach))


Spoiler = Callable[[Pixels, np.random.Generator], Pixels]

RUINED: Mapping[str, tuple[Spoiler, Spoiler, frozenset[str]]] = {
    "defocus": (
        lambda p, r: spoil.defocus(p, 3.0 * _per_400(p)),
        lambda p, r: spoil.defocus(p, 1.0 * _per_400(p)),
        frozenset({"blur", "low_res"}),
    ),
    "motion": (
        lambda p, r: spoil.shake(p, 15 * _per_400(p), r.uniform(0, np.pi)),
        lambda p, r: spoil.shake(p, 5 * _per_400(p), r.uniform(0, np.pi)),
        frozenset({"motion", "blur"}),
    ),
    "dark": (lambda p, r: spoil.expose(p, -4.0), lambda p, r: spoil.expose(p, -4 / 3), frozenset({"dark"})),
    "burnt out": (lambda p, r: spoil.expose(p, 3.0), lambda p, r: spoil.expose(p, 1.0), frozenset({"bright"})),
    "cut off": (
        lambda p, r: spoil.cut_third(p, int(r.integers(4))),
        lambda p, r: spoil.cut_third(p, int(r.integers(4)), 1 / 9),
        frozenset({"cut_off"}),
    ),
    "enlarged": (
        lambda p, r: spoil.enlarge(p, 100),
        lambda p, r: spoil.enlarge(p, 200),
        frozenset({"low_res", "blur"}),
    ),
    "text": (lambda p, r: spoil.write(p, 0.3, r), lambda p, r: spoil.write(p, 0.1, r), frozenset({"overlay"})),
}
"""Way to ruin a photo -> ruined, one third as bad, and the rubric's codes that are right for it."""


def _per_400(pixels: Pixels) -> float:
    return min(pixels.shape[:2]) / SIDE_400


def judge_pixels(pixels: Pixels, rules: Rules) -> Judgement:
    """Judge pixels by the path that every photo takes, mends and all, as the PNG that holds them."""
    case = assess(Case(ImageEvent("", ""), _encoded(pixels, ".png", (cv2.IMWRITE_PNG_COMPRESSION, 1))), rules)
    return final_judgement(judge_mended(mend(judge_case(case, rules), rules), rules))


def print_spoilt(paths: Sequence[Path], rules: Rules) -> None:
    """Print how photos that are ruined on purpose are judged, and those that are a third as bad."""
    print(f"\n{len(paths)} photos that both looks call fine, spoilt on purpose\n")
    print("ruined by     retake  right reason first   a third as bad: not accepted without a reason")
    totals: list[tuple[bool, bool, bool]] = []
    for place, (name, (ruin, soften, right)) in enumerate(RUINED.items()):
        rows = []
        for turn, path in enumerate(paths):
            pixels = decode(path.read_bytes(), rules.assess.decode).pixels
            rng = np.random.default_rng(1000 * place + turn)
            worst, milder = (judge_pixels(make(pixels, rng), rules) for make in (ruin, soften))
            first = REASONS[worst.reasons[0].code].rubric if worst.reasons else ""
            told = milder.verdict != "accept" or bool(milder.reasons)
            rows.append((worst.verdict == "retake", first in right, told))
        totals += rows
        print(f"{name:12}" + "".join(f"{100 * x:10.1f}%" for x in np.mean(rows, axis=0)), flush=True)
    print(f"{'all':12}" + "".join(f"{100 * x:10.1f}%" for x in np.mean(totals, axis=0)))


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


def write_page(outcomes: Sequence[Outcome], target: Path) -> None:
    """Write every disagreement with its picture to one page."""
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
        picture = base64.b64encode(_thumbnail(one.labelled.path)).decode()
        parts.append(
            f'<figure><img width=210 src="data:image/jpeg;base64,{picture}"><figcaption>{caption}</figcaption></figure>'
        )
    target.write_text("\n".join(parts), encoding="utf-8")


def _thumbnail(path: Path) -> bytes:
    try:
        pixels = decode(path.read_bytes(), Rules().assess.decode).pixels
    except RefusalError as error:
        print(f"{path}: {error.message}", file=sys.stderr)
        return b""
    return _encoded(_resized(pixels, min(1.0, 420 / max(pixels.shape[:2]))), ".jpg", (cv2.IMWRITE_JPEG_QUALITY, 80))
