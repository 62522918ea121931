"""Which photos are for tuning and which for reporting: by source, so that no seller or product is on both sides.

A figure that is reported comes from the reporting part only, and no number in the code is chosen on it.
"""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

PARTS = ("tuning", "reporting")


@dataclass(frozen=True, slots=True)
class Original:
    """A photo taken as clean: where it is, its kind (the folder), and who or what it is of."""

    path: Path
    kind: str
    source: str

    @property
    def part(self) -> str:
        return PARTS[hashlib.sha256(f"mending:{self.source}".encode()).digest()[0] % 2]


CLEAN = 60.0
"""Mean opinion score, 0..100, from which a photo of `human-rated` is taken as clean."""


def originals(data: Path, part: str | None = None) -> list[Original]:
    """Every photo of `references` and `uploads`, and those of `human-rated` that people called good, under `data`, of one
    part or of both, in a fixed mixed order.
    """
    found: list[Original] = []
    for kind in ("studio", "shop", "photos", "mixed"):
        files = sorted((data / "references" / kind).glob("*.[jp][pn]g"))
        found += [Original(file, kind, f"{kind}:{file.stem.split('-')[0]}") for file in files]
    table = data / "uploads" / "uploads.csv"
    if table.exists():
        with table.open(newline="") as rows:
            for row in csv.DictReader(rows):
                found.append(Original(data / "uploads" / row["file"], "uploads", f"seller:{row['seller_id']}"))
    scores = data / "human-rated" / "mos.csv"
    if scores.exists():
        with scores.open(newline="") as rows:
            for row in csv.DictReader(rows):
                if float(row["mos"]) >= CLEAN:
                    file = data / "human-rated" / row["file"]
                    found.append(Original(file, "human-rated", f"human-rated:{row['file']}"))
    found.sort(key=lambda one: hashlib.sha256(one.path.name.encode()).digest())
    return [one for one in found if part is None or one.part == part]
