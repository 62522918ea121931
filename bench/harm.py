"""The certificate of no harm: photos spoilt on purpose are mended, and each is compared with its clean original.

A case is a photo with one seeded defect. Harmed: of those acted on, worse than its input against the clean original by
any of MDSI, HaarPSI or mean CIEDE2000, by more than that metric's median change when an input is encoded again as JPEG
95. The bound is Clopper and Pearson's, one-sided, 95 %.
"""

import argparse
import hashlib
import io
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from scipy.stats import beta

from bench.split import Original, originals
from bench.spoil import DEFECTS, Defect, jpeg
from transforms.imaging.codec.encode import EncodeSettings
from transforms.imaging.guard import Bounds
from transforms.imaging.measures import look, measure
from transforms.imaging.metrics.ciede2000 import mean_ciede2000
from transforms.imaging.metrics.haarpsi import haarpsi
from transforms.imaging.metrics.mdsi import mdsi
from transforms.imaging.optimize import optimize
from transforms.imaging.policy import Thresholds, judge, severities
from transforms.imaging.types import Assessment, Header, Mended, Photo, Pixels

METRICS: tuple[tuple[str, Callable[[Pixels, Pixels], float]], ...] = (
    ("mdsi", mdsi),
    ("haarpsi", lambda pixels, clean: 1.0 - haarpsi(pixels, clean)),
    ("ciede2000", mean_ciede2000),
)
"""Name -> distance from the clean original; lower is better in each."""


@dataclass(frozen=True, slots=True)
class Case:
    """One photo with one defect, and what became of it."""

    file: str
    kind: str
    defect: str
    strength: float
    severe: bool
    asked: tuple[str, ...]
    """The reasons for which the verdict asked for a mend."""
    acted: tuple[str, ...]
    declined: tuple[str, ...]
    before: dict[str, float]
    after: dict[str, float]
    encoded: dict[str, float]
    """Distances of the input encoded again as JPEG 95."""


def mend(pixels: Pixels, jpeg_quality: int | None = None) -> tuple[tuple[str, ...], Mended]:
    """Judge and mend pixels with the default settings; the reasons asked for, and what was done."""
    thresholds = Thresholds()
    header = Header("png", pixels.shape[1], pixels.shape[0], "RGB")
    view = look(pixels, jpeg_quality)
    found = Assessment(header, "", "", measure(view), view.region.box, view.region.confidence, None)
    judgement = judge(found, None, thresholds)
    photo = Photo(pixels, header, (), jpeg_quality)
    mended = optimize(
        photo, found, judgement, Bounds(), lambda now: severities(measure(look(now, jpeg_quality)), thresholds)
    )
    return judgement.mend, mended


def run_case(original: Original, defect: Defect | None, side: int) -> Case | None:
    """Spoil, mend and measure one photo; None where it cannot be read."""
    clean = read(original.path, side)
    if clean is None:
        return None
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(original.path.name.encode()).digest()[:8], "big"))
    strength, spoilt, quality = spoil(clean, defect, rng)
    asked, mended = mend(spoilt, quality)
    before, after, encoded = {}, {}, {}
    if mended.pixels is not None:
        again, written = jpeg(spoilt, 5, rng), delivered(mended.pixels)
        for name, distance in METRICS:
            before[name], after[name] = distance(spoilt, clean), distance(written, clean)
            encoded[name] = distance(again, clean)
    return Case(
        original.path.name,
        original.kind,
        defect.name if defect else "clean",
        round(strength, 3),
        bool(defect and strength >= defect.severe),
        asked,
        tuple(action.operation for action in mended.actions),
        tuple(
            f"{action.operation}:{action.bound} {action.parameters.get('risen', '')}".strip()
            for action in mended.declined
        ),
        before,
        after,
        encoded,
    )


def spoil(clean: Pixels, defect: Defect | None, rng: np.random.Generator) -> tuple[float, Pixels, int | None]:
    """A strength drawn for the defect, the spoilt pixels, and the JPEG quality that their file would name."""
    if defect is None:
        return 0.0, clean, None
    strength = float(rng.uniform(defect.weakest, defect.strongest))
    spoilt = defect.spoil(clean, strength, rng)
    return strength, spoilt, round(100 - strength) if defect.name == "compression" else None


def draw(cases: Sequence[Case], chosen: Sequence[Original], side: int, folder: Path) -> None:
    """For each defect the best, the median and the worst case of what was acted on: clean, spoilt, mended, side by side.

    Only uploads are drawn, which are free to be shown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    by_name = {original.path.name: original for original in chosen}
    for defect in DEFECTS:
        acted = [case for case in cases if case.defect == defect.name and case.after and case.kind == "uploads"]
        acted.sort(key=lambda case: case.after["mdsi"] - case.before["mdsi"])
        rows = []
        for case in [acted[0], acted[len(acted) // 2], acted[-1]] if acted else []:
            clean = read(by_name[case.file].path, side)
            assert clean is not None
            digest = hashlib.sha256(case.file.encode()).digest()[:8]
            _, spoilt, quality = spoil(clean, defect, np.random.default_rng(int.from_bytes(digest, "big")))
            mended = mend(spoilt, quality)[1].pixels
            halves = [_framed(pixels) for pixels in (clean, spoilt, spoilt if mended is None else mended)]
            rows.append(np.hstack(halves))
        if rows:
            Image.fromarray(np.vstack(rows)).save(folder / f"{defect.name}.jpg", quality=82)


def _framed(pixels: Pixels, side: int = 240) -> Pixels:
    scale = side / max(pixels.shape[:2])
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    down, across = side + 8 - small.shape[0], side + 8 - small.shape[1]
    return np.asarray(
        cv2.copyMakeBorder(small, down // 2, down - down // 2, across // 2, across - across // 2, 0), np.uint8
    )


def delivered(pixels: Pixels) -> Pixels:
    """What a buyer's browser decodes of mended pixels, written as the default settings say."""
    settings = EncodeSettings()
    subsampling = 0 if settings.subsampling == "4:4:4" else 2
    with io.BytesIO() as out:
        Image.fromarray(pixels).save(out, "jpeg", quality=settings.quality, subsampling=subsampling)
        return np.asarray(Image.open(out).convert("RGB"))


def read(path: Path, side: int) -> Pixels | None:
    """The photo's pixels, made smaller where its long side is over `side`."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        return None
    scale = side / max(pixels.shape[:2])
    if scale < 1:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(pixels, np.uint8)


def tolerances(cases: Sequence[Case]) -> dict[str, float]:
    """Each metric's median change under encoding again as JPEG 95."""
    acted = [case for case in cases if case.after]
    return {
        name: float(np.median([abs(case.encoded[name] - case.before[name]) for case in acted])) if acted else 0.0
        for name, _ in METRICS
    }


def harms(case: Case, allowed: dict[str, float]) -> list[str]:
    """The metrics by which a case is worse than its input."""
    return [name for name, _ in METRICS if case.after and case.after[name] > case.before[name] + allowed[name]]


def upper_bound(harmed: int, acted: int, confidence: float = 0.95) -> float:
    """Clopper and Pearson's one-sided upper bound of a rate; 1.0 where nothing was acted on."""
    return 1.0 if acted == 0 or harmed >= acted else float(beta.ppf(confidence, harmed + 1, acted - harmed))


def table(cases: Sequence[Case]) -> list[str]:
    """The certificate, line by line."""
    allowed = tolerances([case for case in cases if case.defect != "clean"])
    lines = [
        "defect         cases  severe  acted  severe acted  harmed  better by all   ΔMDSI  ΔHaarPSI   ΔΔE2000",
    ]
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if case.defect != "clean":
            groups[case.defect].append(case)
    for name, group in [*groups.items(), ("all", [case for case in cases if case.defect != "clean"])]:
        acted = [case for case in group if case.after]
        severe = [case for case in group if case.severe]
        caught = sum(bool(case.after) for case in severe)
        harmed = sum(bool(harms(case, allowed)) for case in acted)
        better = sum(all(case.after[metric] < case.before[metric] for metric, _ in METRICS) for case in acted)
        gains = [
            np.mean([case.after[metric] - case.before[metric] for case in acted]) if acted else 0.0
            for metric, _ in METRICS
        ]
        lines.append(
            f"{name:<14} {len(group):>5} {len(severe):>7} {len(acted):>6} {_share(caught, len(severe)):>13} {harmed:>7}"
            f" {_share(better, len(acted)):>14} {gains[0]:>+8.3f} {-gains[1]:>+9.3f} {gains[2]:>+9.2f}"
        )
    acted = [case for case in cases if case.defect != "clean" and case.after]
    harmed = sum(bool(harms(case, allowed)) for case in acted)
    rate = harmed / max(len(acted), 1)
    lines.append(
        f"harmed: {harmed} of {len(acted)} acted on ({rate:.2%}); upper bound at 95 %: "
        f"{upper_bound(harmed, len(acted)):.2%} (goal: 2 % or less, 300 or more acted on)"
    )
    lines += _by_kind([case for case in cases if case.defect != "clean" and case.after], allowed)
    clean = [case for case in cases if case.defect == "clean"]
    if clean:
        left = sum(not case.acted for case in clean)
        lines.append(f"clean photos left as they are: {left} of {len(clean)} ({left / len(clean):.1%}; goal: 99 %)")
    lines.append("tolerances: " + ", ".join(f"{name} {value:.4f}" for name, value in allowed.items()))
    return lines


def _by_kind(acted: Sequence[Case], allowed: dict[str, float]) -> list[str]:
    lines = []
    for kind in sorted({case.kind for case in acted}):
        harmed = [bool(harms(case, allowed)) for case in acted if case.kind == kind]
        lines.append(
            f"  {kind:<12} {sum(harmed)} of {len(harmed)}, upper bound {upper_bound(sum(harmed), len(harmed)):.2%}"
        )
    return lines


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"


def run(
    part: str, data: Path, limit: int | None, side: int, only: str | None, keep: Path | None, workers: int = 1
) -> list[Case]:
    """Every photo once with one defect, defects in turn; and every second photo once more, clean."""
    chosen = originals(data, part)
    chosen = chosen[:limit] if limit else chosen
    wanted = [defect for defect in DEFECTS if only is None or defect.name == only]
    jobs: list[tuple[Original, Defect | None]] = []
    for number, original in enumerate(chosen):
        jobs += [(original, wanted[number % len(wanted)])] if wanted else []
        jobs += [(original, None)] if only in (None, "clean") and (number % 2 == 0 or only) else []
    cases: list[Case] = []
    with ProcessPoolExecutor(workers, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        for number, case in enumerate(pool.map(run_case, *zip(*jobs, strict=True), [side] * len(jobs), chunksize=8)):
            cases += [case] if case else []
            if sys.stderr.isatty():
                print(f"\r{number + 1}/{len(jobs)}", end="", file=sys.stderr)
    if keep:
        keep.write_text("\n".join(json.dumps(asdict(case)) for case in cases))
    return cases


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        dest="data",
        type=Path,
        default=Path("../shared/data"),
        metavar="DIR",
        help="folder with references, uploads and human-rated: photos taken as clean (default: %(default)s)",
    )
    parser.add_argument(
        "--part",
        choices=("reporting", "tuning"),
        default="reporting",
        help="half of the sellers and products: the certificate is of the one that nothing was tuned on (default: reporting)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N photos, for a first look")
    parser.add_argument(
        "--side", type=int, default=1024, metavar="PIXELS", help="longest side of a photo (default: %(default)s)"
    )
    parser.add_argument(
        "--only",
        choices=(*(defect.name for defect in DEFECTS), "clean"),
        metavar="DEFECT",
        help="every photo with this one defect: %(choices)s (clean: without any)",
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default: %(default)s)")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write every case as a line of JSON")
    parser.add_argument(
        "--pictures",
        type=Path,
        metavar="DIR",
        help="draw best, median and worst of each defect, clean | spoilt | mended",
    )


def main(args: argparse.Namespace) -> int:
    if not (args.data / "references").is_dir() and not (args.data / "uploads").is_dir():
        print(f"not measured: no photos under {args.data}")
        return 0
    cases = run(args.part, args.data, args.limit, args.side, args.only, args.keep, args.workers)
    print("\n".join(table(cases)))
    if args.pictures:
        draw(cases, originals(args.data, args.part), args.side, args.pictures)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    sys.exit(main(parser.parse_args()))
