"""Which pictures does the model doubt, and what keeps pictures that are no photos from being scored?

    python -m bench.familiar [--photos 400] [--write]

Half of the uploads' sellers and of the studio's SKUs give the limit of the interval's half-width (`--write` puts it into the
model's `model.json`); the other half, and pictures drawn by seeds that no fit has seen, are reported.
"""

import argparse
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from bench.line import fold
from bench.odd_pictures import ODD, drawn
from models.familiarity import limit
from models.graded import uploads
from models.references import references
from models.scorer import CARD, SHIPPED, Scorer, load, read_card
from transforms.imaging.assess import assess
from transforms.imaging.policy import judge

EACH = 20
UNSEEN = 1000
"""Seeds from here on are drawn for no fit."""
WRONG_KIND = ("text_only", "not_a_photo", "size_chart", "screenshot", "blank", "collage")


def look_at(data: bytes, scorer: Scorer) -> tuple[float, float, set[str]]:
    """A picture's score and half-width (NaN where it is not scored), and what it is flagged with."""
    assessment = assess(data)
    told = {f"unscored: {assessment.unscored}"} if assessment.unscored else set()
    prediction = scorer.opinion(assessment.seen) if assessment.seen else None
    told |= {reason.code for reason in judge(assessment, prediction).reasons if reason.code in WRONG_KIND}
    if prediction is None:
        return np.nan, np.nan, told
    half = max(prediction.high - prediction.score, prediction.score - prediction.low)
    return prediction.score, half, told | ({"unfamiliar"} if prediction.unfamiliar else set())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--photos", type=int, default=400, help="of each of uploads and studio")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    scorer = load(form="int8")
    order = np.random.default_rng(0)
    found = defaultdict(list)
    for kind, photos in (("uploads", uploads(args.data)), ("studio", references(args.data))):
        photos = [photo for photo in photos if photo.kind == kind]
        for place in order.permutation(len(photos))[: args.photos]:
            half = "limit" if fold(photos[place].group, 2) else "reported"
            found[kind, half].append(look_at(photos[place].path.read_bytes(), scorer))
    for kind in ODD:
        found[kind, "reported"] = [look_at(drawn(kind, UNSEEN + seed), scorer) for seed in range(EACH)]
    bound = limit(
        np.array([half for key, rows in found.items() if key[1] == "limit" for _, half, _ in rows if half > 0])
    )
    print(f"model {scorer.version}: familiar within {bound} points\n")
    print("| what | n | flagged | not scored | highest score | with |\n| --- | --- | --- | --- | --- | --- |")
    for (kind, half), rows in found.items():
        if half == "limit":
            continue
        told = [names - {"unfamiliar"} | ({"unfamiliar"} if reach > bound else set()) for _, reach, names in rows]
        counts = ", ".join(f"{name} {count}" for name, count in Counter(n for t in told for n in t).most_common())
        scores = [score for score, _, _ in rows if score == score]
        unscored, flagged = len(rows) - len(scores), sum(bool(t) for t in told)
        highest = f"{max(scores):.0f}" if scores else ""
        print(
            f"| {kind} | {len(rows)} | {flagged / len(rows):.1%} | {unscored / len(rows):.1%} | {highest} | {counts} |"
        )
    if args.write:
        card = read_card(SHIPPED) | {"familiar_within": bound}
        (SHIPPED / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
