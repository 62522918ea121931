"""Learn the filters of `fixes/illuminant.py`: the light of clean photos is taken as neutral, all others as moved by it.

    python -m bench.fit_illuminant ../shared/data             # four-fold by seller and SKU; prints a table
    python -m bench.fit_illuminant ../shared/data --write     # and writes fixes/illuminant_weights.json, fitted on all

As a light moves a histogram and changes nothing else, photos in neutral light alone teach every light: clean ones as they
came, and once more with the product on coloured paper where its ground is plain. Fitted on the tuning part only;
the table is of photos that each fold kept out, as they came and under a light like `bench.spoil.cast`: how many
clean ones and papers a light is said of, the share of lights of 1 and more that is found beyond doubt, how many photos were
then left further off than they were, and what was left of the light.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.optimize import minimize

from bench.harm import read
from bench.split import originals
from transforms.imaging.fixes import illuminant
from transforms.imaging.fixes.illuminant import (
    KINDS,
    MAGENTA,
    SHARPNESS,
    STEP,
    WARM,
    Illuminant,
    histograms,
    likelihood,
)
from transforms.imaging.fixes.light import to_bytes, to_linear
from transforms.imaging.measures.region import find_region
from transforms.imaging.measures.view import shrink
from transforms.imaging.types import Pixels

WEIGHTS = Path(__file__).parent.parent / "transforms" / "imaging" / "fixes" / "illuminant_weights.json"
FOLDS = 4
SMOOTH, SMALL = 3e-5, 3e-4
"""Penalties of a filter's squared slope and of its square."""
RARE = 6
"""One photo in so many is learned from on coloured paper, too: with all of them two fifths of the lights are found no more."""
SIDE = 480
LIGHTS = 3
"""Lights each photo is put under, for the table."""
Filters = npt.NDArray[np.float64]


def main(args: argparse.Namespace) -> int:
    cv2.setNumThreads(1)
    photos = list(originals(args.data, "tuning"))
    if not photos:
        print(f"not measured: no photos under {args.data}")
        return 0
    read_in = [(one, read(one.path, SIDE)) for one in photos]
    kept = [(one, pixels) for one, pixels in read_in if pixels is not None]
    clean = np.stack([histograms(pixels) for _, pixels in kept])
    papers = np.stack([histograms(on_paper(pixels, one.path.name)) for one, pixels in kept])
    lit = [under(pixels, one.path.name) for one, pixels in kept]
    seen = np.stack([[histograms(pixels) for pixels, _ in each] for each in lit])
    truth = np.array([[light for _, light in each] for each in lit])
    folds = np.array([hashlib.sha256(f"light:{one.source}".encode()).digest()[0] % FOLDS for one, _ in kept])
    every = np.concatenate([clean[:, None], papers[:, None], seen], axis=1)
    chances = np.zeros((*every.shape[:2], WARM, MAGENTA))
    fitted = []
    for fold in range(FOLDS):
        fitted.append(fit(np.concatenate([clean[folds != fold], papers[folds != fold][::RARE]])))
        out = every[folds == fold]
        chances[folds == fold] = likelihood(out.reshape(-1, *clean.shape[1:]), fitted[-1]).reshape(
            *out.shape[:2], WARM, MAGENTA
        )
    if args.keep:
        np.save(args.keep, np.stack(fitted))
    print("\n".join(table(chances, truth, [one.kind for one, _ in kept])))
    if args.write:
        filters = fit(np.concatenate([clean, papers[::RARE]]))
        unit = float(np.abs(filters).max()) / 999
        whole = np.rint(filters / unit).astype(int).ravel().tolist()
        WEIGHTS.write_text(json.dumps({"unit": unit, "filters": whole}, separators=(",", ":")) + "\n")
    return 0


def on_paper(pixels: Pixels, name: str) -> Pixels:
    """The product on coloured paper, in neutral light; the photo itself where its ground is not plain and surely found."""
    small = shrink(pixels, 256)
    region = find_region(small)
    if not region.plain or region.confidence < 0.6:
        return small
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(f"paper:{name}".encode()).digest()[:8], "big"))
    warm, magenta = rng.uniform(-2.2, 2.2), rng.uniform(-0.5, 0.5)
    colour = 2.0 ** np.array([magenta + warm / 2, 0.0, magenta - warm / 2])
    product = cv2.GaussianBlur(region.mask.astype(np.float32), (0, 0), 1.0)[..., None]
    light = to_linear(small)
    return to_bytes(light * (product + (1 - product) * (colour / colour.max()).astype(np.float32)))


def under(pixels: Pixels, name: str) -> list[tuple[Pixels, tuple[float, float]]]:
    """A photo under lights of .3 to 1.8 in log2 of red to blue, with up to a quarter of that in magenta or green."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(f"light:{name}".encode()).digest()[:8], "big"))
    lit = []
    for _ in range(LIGHTS):
        warm = float(rng.uniform(0.3, 1.8) * rng.choice([-1.0, 1.0]))
        magenta = float(rng.uniform(-0.25, 0.25) * warm)
        gains = 2.0 ** np.array([magenta + warm / 2, 0.0, magenta - warm / 2])
        lit.append((to_bytes(to_linear(pixels) * (gains / gains.max()).astype(np.float32)), (warm, magenta)))
    return lit


def fit(photos: npt.NDArray[np.float32]) -> Filters:
    """Filters under which neutral light is the likeliest of every photo: photos x `KINDS` x `WARM` x `MAGENTA`."""
    spectrum = fft.rfft2(photos * np.float32(SHARPNESS)).astype(np.complex64)
    aim = _aim()
    along, across = np.fft.fftfreq(WARM) * WARM, np.fft.rfftfreq(MAGENTA) * MAGENTA
    penalty = SMALL + SMOOTH * (along[:, None] ** 2 + across[None] ** 2)
    twice = np.where((across == 0) | (across == MAGENTA / 2), 1.0, 2.0)

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        filters = fft.rfft2(flat.reshape(KINDS, WARM, MAGENTA))
        scores = fft.irfft2((spectrum * np.conj(filters)[None]).sum(axis=1), s=(WARM, MAGENTA))
        scores -= scores.max(axis=(1, 2), keepdims=True)
        odds = np.exp(scores)
        total = odds.sum(axis=(1, 2), keepdims=True)
        error = -float((aim * (scores - np.log(total))).sum()) / len(photos)
        back = np.conj(fft.rfft2((odds / total - aim) / len(photos)))
        slope = fft.irfft2((back[:, None] * spectrum).sum(axis=0), s=(WARM, MAGENTA))
        held = float((penalty * twice * np.abs(filters) ** 2).sum()) / (WARM * MAGENTA)
        return error + held, (slope + 2 * fft.irfft2(penalty * filters, s=(WARM, MAGENTA))).ravel()

    start = np.zeros(KINDS * WARM * MAGENTA)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 80})
    return np.asarray(found.x.reshape(KINDS, WARM, MAGENTA))


def _aim() -> npt.NDArray[np.float64]:
    warm, magenta = np.fft.fftfreq(WARM, 1 / WARM) * STEP, np.fft.fftfreq(MAGENTA, 1 / MAGENTA) * STEP
    bell = np.exp(-((warm[:, None] / 0.12) ** 2 + (magenta[None] / 0.08) ** 2) / 2)
    return np.asarray(bell / bell.sum())


def table(chances: npt.NDArray[np.float64], truth: npt.NDArray[np.float64], kinds: Sequence[str]) -> list[str]:
    """For bounds of doubt: clean photos of which a light is said, found lights of 1 and more, those led astray, the rest left."""
    lines = ["doubt   clean   paper   warm   cold   astray   left   by kind"]
    for most in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3):
        said, paper, astray, left, sure = 0, 0, 0, [], {True: [], False: []}
        by_kind: dict[str, list[bool]] = {}
        for number, kind in enumerate(kinds):
            said += _sure(chances[number, 0], most) is not None
            paper += _sure(chances[number, 1], most) is not None
            for place in range(LIGHTS):
                warm, magenta = truth[number, place]
                found = _sure(chances[number, place + 2], most)
                if abs(warm) >= 1:
                    sure[warm > 0].append(found is not None)
                    by_kind.setdefault(kind, []).append(found is not None)
                if found is not None:
                    rest = np.hypot(warm - 0.7 * found.warm, 2 * (magenta - 0.7 * found.magenta))
                    left.append(rest / np.hypot(warm, 2 * magenta))
                    astray += left[-1] > 1
        shares = " ".join(f"{kind} {np.mean(found):.2f}" for kind, found in sorted(by_kind.items()))
        lines.append(
            f"{most:>5.2f} {said:>7} {paper:>7} {np.mean(sure[True]):>6.2f} {np.mean(sure[False]):>6.2f} {astray:>4}/{len(left):<4}"
            f" {np.median(left) if left else 0:>5.2f}   {shares}"
        )
    return lines


def _sure(chances: npt.NDArray[np.float64], most: float) -> Illuminant | None:
    found = illuminant.expect(chances)
    return found if illuminant.beyond_doubt(found, most) else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true", help="write the weights, fitted on all of the tuning part")
    parser.add_argument("--keep", type=Path, help="write the filters of each fold, as npy")
    sys.exit(main(parser.parse_args()))
