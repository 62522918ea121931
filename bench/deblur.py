"""Every deblurring on blur made here: dB over the blurred input with the true and with the estimated kernel."""

import argparse
import sys

import cv2
import numpy as np

from bench.pairs import add_arguments as add_common
from bench.pairs import clean, measure_pairs, psnr
from transforms.imaging.fixes.blur_kernel import estimate_blur, gaussian_kernel, motion_kernel
from transforms.imaging.fixes.deconvolution import deconvolve
from transforms.imaging.fixes.sparse_coding import deblur_sparse
from transforms.imaging.fixes.unsharp import sharpen
from transforms.imaging.operations import OPERATIONS
from transforms.imaging.types import Header, Photo, Pixels

BLURS = (
    ("gauss 1.0", gaussian_kernel(1.0), 1.0),
    ("gauss 1.6", gaussian_kernel(1.6), 1.6),
    ("gauss 2.5", gaussian_kernel(2.5), 2.5),
    ("motion 7", motion_kernel(7, 20), 0.0),
    ("motion 13", motion_kernel(13, 115), 0.0),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_common(parser, 8)
    parser.add_argument("--sparse", action="store_true", help="sparse coding too: slow")


def main(args: argparse.Namespace) -> int:
    cv2.setNumThreads(1)
    if args.pairs is not None:
        return measure_pairs(args.pairs, ("deblur", "sharpen", *(("sparse",) if args.sparse else ())), psnr, "dB")
    if not (args.data / "references").is_dir():
        print(f"not measured: no photos under {args.data}")
        return 0
    photos = list(clean(args))
    print(
        f"{len(photos)} photos, long side {args.side}, noise of 1 grey value; dB over the blurred input, mean (worst)"
    )
    print("blur        input   true kernel  --only deblur  unsharp    estimates found, median")
    rng = np.random.default_rng(0)
    for name, kernel, _ in BLURS:
        gains: dict[str, list[float]] = {"true": [], "deblur": [], "unsharp": [], "sparse": []}
        before, found = [], []
        for photo in photos:
            blurred = _blur(photo, kernel, rng)
            start = psnr(blurred, photo)
            before.append(start)
            gains["true"].append(psnr(deconvolve(blurred, kernel), photo) - start)
            gains["unsharp"].append(psnr(sharpen(blurred), photo) - start)
            blur = estimate_blur(blurred)
            if blur is not None:
                found.append((blur.sigma, blur.length, blur.angle, blur.confidence))
            header = Header("png", blurred.shape[1], blurred.shape[0], "RGB")
            gains["deblur"].append(psnr(OPERATIONS["deblur"][0](Photo(blurred, header), 1.0), photo) - start)
            if args.sparse:
                gains["sparse"].append(psnr(deblur_sparse(blurred, kernel), photo) - start)
        middle = np.median(found, axis=0) if found else np.full(4, np.nan)
        told = f"{len(found)}: sigma {middle[0]:.2f} length {middle[1]:.1f} angle {middle[2]:.0f} sure {middle[3]:.2f}"
        cells = "  ".join(_cell(gains[kind]) for kind in ("true", "deblur", "unsharp"))
        extra = f"  sparse, true kernel: {_cell(gains['sparse'])}" if args.sparse else ""
        print(f"{name:<10} {np.mean(before):>6.2f}  {cells}  {told}{extra}")
    return 0


def _cell(gained: list[float]) -> str:
    return f"{np.mean(gained):+.2f} ({min(gained):+.2f})" if gained else "-".center(13)


def _blur(pixels: Pixels, kernel: np.ndarray, rng: np.random.Generator) -> Pixels:
    soft = cv2.filter2D(pixels.astype(np.float32), -1, kernel[::-1, ::-1].copy(), borderType=cv2.BORDER_REFLECT)
    return np.clip(np.rint(soft + rng.normal(0, 1, soft.shape)), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    sys.exit(main(parser.parse_args()))
