"""Draw what `vitrine dataset` made of one photo of a part, each version with its label: to be looked at.

    python -m bench.dataset_sheet FOLDER SHEET.png [--part training] [--photo 0]

Prints too how often a label falls with each step of each way, over all photos of the part.
"""

import argparse
import os
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

from models.data.schema import SPEC
from models.distortions import PHYSICAL

SIDE, LINE = 250, 34


def records(folder: Path, part: str) -> dict[str, dict[str, dict[str, tf.Tensor]]]:
    """Photo -> version -> record."""
    found: dict[str, dict[str, dict[str, tf.Tensor]]] = defaultdict(dict)
    for record in tf.data.TFRecordDataset(sorted(map(str, folder.glob(f"{part}-*.tfrecord")))):
        values = tf.io.parse_single_example(record, SPEC)
        found[text(values["name"])][text(values["version"])] = values
    return found


def text(value: tf.Tensor) -> str:
    return str(value.numpy().decode())


def number(value: tf.Tensor) -> float:
    return float(tf.sparse.to_dense(value)[0])


def cell(values: dict[str, tf.Tensor]) -> np.ndarray:
    """One version, reduced, with its name and label under it."""
    pixels = cv2.imdecode(np.frombuffer(values["photo"].numpy(), np.uint8), cv2.IMREAD_COLOR)
    scale = SIDE / max(pixels.shape[:2])
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    drawn = np.full((SIDE + LINE, SIDE, 3), 255, np.uint8)
    drawn[: small.shape[0], : small.shape[1]] = small
    ways = [text(way) for way in tf.sparse.to_dense(values["ways"])]
    amounts = tf.sparse.to_dense(values["strengths"]).numpy()
    told = " ".join(f"{way[:12]} {amount:.2f}" for way, amount in zip(ways, amounts, strict=True)) or "clean"
    label = " ".join(f"{name[0]}{number(values[name]):.2f}" for name in ("mdsi", "haarpsi", "tone"))
    cv2.putText(drawn, told, (2, SIDE + 13), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA)
    second = f"quality {number(values['quality']):.2f}  {label}"
    cv2.putText(drawn, second, (2, SIDE + 28), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (160, 0, 0), 1, cv2.LINE_AA)
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--part", default="training")
    parser.add_argument("--photo", type=int, default=0)
    args = parser.parse_args()
    found = records(args.folder, args.part)
    versions = found[sorted(found)[args.photo]]
    rows = [["clean", *(name for name in versions if name.startswith("mixed"))]]
    rows += [sorted(name for name in versions if name.startswith(f"{way} ")) for way in PHYSICAL]
    cells = [[cell(versions[name]) for name in row] for row in rows]
    # Ways side by side, two to a line, so that the sheet is no strip.
    lines, steps = [cells[0]], len(cells[1])
    lines += [cells[at] + cells[at + 1] for at in range(1, len(cells), 2)]
    width = max(len(line) for line in lines) * SIDE
    drawn = [np.hstack(line) for line in lines]
    padded = [np.pad(line, ((0, 0), (0, width - line.shape[1]), (0, 0)), constant_values=255) for line in drawn]
    cv2.imwrite(str(args.sheet), np.vstack(padded))

    print(f"{args.part}: {len(found)} photos; label of each step, share of steps at which it fell")
    for way in PHYSICAL:
        names = ["clean", *(f"{way} {step + 1}" for step in range(steps))]
        labels = np.array([[number(photo[name]["quality"]) for name in names] for photo in found.values()])
        print(f"{way:16} {' '.join(f'{m:.2f}' for m in labels.mean(0))}  {(np.diff(labels) < 0).mean():6.1%}")


if __name__ == "__main__":
    main()
