"""Fine photos ruined on purpose, and a third as bad: whether they are asked for again, and for the right reason."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipelines.evaluate_rates import print_rate
from transforms.case import Case
from transforms.imaging import spoil
from transforms.imaging.codec.decode import decode
from transforms.imaging.types import Judgement, Pixels
from transforms.reasons import REASONS
from transforms.records import ImageEvent
from transforms.steps import Rules, Score, assess, final_judgement, judge_mended, mend, opine
from transforms.steps import judge as judge_case

SIDE_400 = 400

_FAST = (cv2.IMWRITE_PNG_COMPRESSION, 1)

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


@dataclass(frozen=True)
class Ruined:
    """A photo ruined in one way: the item that it shows, and what is said of it and of it a third as bad."""

    way: str
    path: Path
    item: str
    pixels: Pixels
    worst: Judgement
    milder: Judgement

    @property
    def found(self) -> bool:
        """It is asked for again."""
        return self.worst.verdict == "retake"

    @property
    def right(self) -> bool:
        """The first reason is right for the way."""
        return bool(self.worst.reasons) and REASONS[self.worst.reasons[0].code].rubric in RUINED[self.way][2]

    @property
    def told(self) -> bool:
        """A third as bad, it is not accepted without a reason."""
        return self.milder.verdict != "accept" or bool(self.milder.reasons)


def judge_pixels(pixels: Pixels, rules: Rules, score: Score | None = None) -> Judgement:
    """Judge pixels by the path that every photo takes, mends and all, as the PNG that holds them."""
    case = assess(
        Case(ImageEvent("", ""), cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]), _FAST)[1].tobytes()),
        rules,
    )
    case = opine(case, score) if score else case
    return final_judgement(judge_mended(mend(judge_case(case, rules), rules), rules))


def ruined(photos: Sequence[tuple[Path, str]], rules: Rules, score: Score | None = None) -> Iterator[Ruined]:
    """Ruin each of (photo, item) in every way and judge it."""
    for place, (name, (ruin, soften, _)) in enumerate(RUINED.items()):
        for turn, (path, item) in enumerate(photos):
            pixels = decode(path.read_bytes(), rules.assess.decode).pixels
            rng = np.random.default_rng(1000 * place + turn)
            bad, milder = ruin(pixels, rng), soften(pixels, rng)
            yield Ruined(name, path, item, bad, *(judge_pixels(p, rules, score) for p in (bad, milder)))


def print_spoilt(photos: Sequence[tuple[Path, str]], rules: Rules, score: Score | None = None) -> list[Ruined]:
    """Print how photos that are ruined on purpose are judged, and those a third as bad; return those that were missed."""
    print(f"\n{len(photos)} photos that both looks call fine, spoilt on purpose\n")
    print("ruined by     retake  right reason first   a third as bad: not accepted without a reason")
    rows: list[Ruined] = []
    for one in ruined(photos, rules, score):
        rows.append(one)
        if len(rows) % len(photos) == 0:
            _print_way(one.way, rows[-len(photos) :])
    _print_way("all", rows)
    print(f"\n{'missed retake':44}{'rate':>7}   95 % interval   n")
    for way in RUINED:
        print_rate(f"  {way}", [not one.found for one in rows if one.way == way])
    for item in sorted({one.item for one in rows}):
        print_rate(f"  {item} items", [not one.found for one in rows if one.item == item])
    print_rate("  all", [not one.found for one in rows])
    return [one for one in rows if not one.found]


def _print_way(name: str, rows: Sequence[Ruined]) -> None:
    shares = np.mean([(one.found, one.right, one.told) for one in rows], axis=0)
    print(f"{name:12}" + "".join(f"{100 * share:10.1f}%" for share in shares), flush=True)
