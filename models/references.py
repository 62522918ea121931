"""Clean photos that are spoilt for training, and their split: no source and no SKU is on two sides."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from transforms.errors import UserError

REFERENCES = "references"
KINDS = ("studio", "shop", "photos", "mixed")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
TEST_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Reference:
    """A clean photo, what kind it is of, and the group that must stay on one side of the split."""

    path: Path
    kind: str
    group: str

    @property
    def is_test(self) -> bool:
        """Say whether its group was drawn for the test: by a hash of the group's name, so for ever."""
        return int(hashlib.sha256(self.group.encode()).hexdigest()[:8], 16) / 2**32 < TEST_SHARE


def references(data: Path) -> list[Reference]:
    """All clean photos of a data folder, by name; several views and colours of one SKU are one group.

    Raises:
        UserError: when there are none; the message says where to put them.
    """
    found = [
        Reference(path, kind, f"{kind}/{path.stem.split('-')[0] if kind == 'studio' else path.stem}")
        for kind in KINDS
        for path in sorted((data / REFERENCES / kind).rglob("*"))
        if path.suffix.lower() in SUFFIXES
    ]
    if not found:
        folder = data / REFERENCES
        raise UserError(f"training the defects needs clean photos in {folder}/{{{','.join(KINDS)}}}")
    return found


def one_of_each(found: list[Reference], *, test: bool, seed: int) -> list[Reference]:
    """One photo of each group on one side of the split, in an order drawn by the seed."""
    order = np.random.default_rng(seed).permutation(len(found))
    chosen: dict[str, Reference] = {}
    for index in order:
        if found[index].is_test == test:
            chosen.setdefault(found[index].group, found[index])
    return list(chosen.values())
