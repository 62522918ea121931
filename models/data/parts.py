"""Which photo belongs to which part: decided by source and SKU, before anything is made of a photo.

A clean photo is in `training`, `selection` or `test` by a hash of its group's name, so for ever and on every machine; all views
and colours of one SKU are one group. Photos that people rated have a fold in place of a part; sellers' uploads are unlabelled.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.dataset import HUMAN_RATED, folds, human_rated
from models.graded import uploads
from models.references import Reference, references
from transforms.errors import UserError

TRAINING, SELECTION, TEST, RATED, UNLABELLED = "training", "selection", "test", "rated", "unlabelled"
PARTS = (TRAINING, SELECTION, TEST, RATED, UNLABELLED)
"""Fitted on; chosen by; reported on; rated by people, dealt into folds; uploads without labels."""
CLEAN = (TRAINING, SELECTION, TEST)
"""The parts of clean photos, which are spoilt."""
FOLDS = 5
SELECTION_SHARE = 0.15
"""Of the groups that are not kept for the test."""


@dataclass(frozen=True, slots=True)
class Source:
    """A photo as it came, and where it belongs; `fold`, `mos` and `spread` (both 0..100) are of rated photos alone."""

    path: Path
    kind: str
    group: str
    part: str
    fold: int | None = None
    mos: float | None = None
    spread: float | None = None

    @property
    def name(self) -> str:
        """The file's name with its set's: no two sources share it."""
        return f"{self.kind}/{self.path.name}"

    @property
    def seeded(self) -> tuple[int, ...]:
        """Numbers that seed what is drawn for this photo."""
        return tuple(hashlib.sha256(self.name.encode()).digest()[:8])


def part_of(reference: Reference) -> str:
    """The part of a clean photo: the test side as `Reference.is_test` draws it, the others by another hash of the group."""
    if reference.is_test:
        return TEST
    share = int(hashlib.sha256(f"selection/{reference.group}".encode()).hexdigest()[:8], 16) / 2**32
    return SELECTION if share < SELECTION_SHARE else TRAINING


def sources(data: Path, seed: int) -> list[Source]:
    """Every photo of a data folder with its part, by name; uploads are left out where there are none.

    Raises:
        UserError: there are no clean or no rated photos; the message says where to put them.
    """
    rated = human_rated(data)
    fold_of = {int(index): fold for fold, part in enumerate(folds(len(rated), FOLDS, seed)) for index in part}
    clean = [Source(r.path, r.kind, r.group, part_of(r)) for r in references(data)]
    opinions = [
        Source(path, HUMAN_RATED, f"{HUMAN_RATED}/{path.stem}", RATED, fold_of[index], float(mos), float(spread))
        for index, (path, mos, spread) in enumerate(zip(rated.paths, rated.mos, rated.spread, strict=True))
    ]
    return clean + opinions + [Source(r.path, r.kind, r.group, UNLABELLED) for r in uploads(data)]


def drawn(found: Sequence[Source], photos: int | None, seed: int) -> list[Source]:
    """At most so many photos of each part, drawn by the seed: of clean ones one of each group, of the others any; None is all."""
    order = np.random.default_rng(seed).permutation(len(found))
    taken: dict[str, list[int]] = defaultdict(list)
    groups: set[str] = set()
    for index in order:
        source = found[index]
        if photos is None or len(taken[source.part]) < photos:
            if photos is not None and source.part in CLEAN and source.group in groups:
                continue
            groups.add(source.group)
            taken[source.part].append(int(index))
    return [found[index] for index in sorted(index for part in taken.values() for index in part)]


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, "" where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def check_apart(found: Iterable[Source]) -> None:
    """See that no group (SKU, seller, photo) and no file, by its name or by its bytes, is in two parts or two folds.

    Raises:
        UserError: one is; the message names it and both places.
    """
    places: dict[str, tuple[str, int | None]] = {}
    for source in found:
        content = digest_of(source.path)
        for key in (f"group {source.group}", f"file {source.path.resolve()}", f"content {content}" if content else ""):
            place = places.setdefault(key, (source.part, source.fold)) if key else (source.part, source.fold)
            if place != (source.part, source.fold):
                raise UserError(
                    f"{source.path}: its {key} is in {_told(place)} and in {_told((source.part, source.fold))}; "
                    "what is fitted on and what is reported on must share none"
                )


def _told(place: tuple[str, int | None]) -> str:
    part, fold = place
    return part if fold is None else f"{part}, fold {fold}"
