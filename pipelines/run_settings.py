"""How a run is carried out; none of it can change a verdict or an image."""

import os
from dataclasses import dataclass

from transforms.settings import setting


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class RunSettings:
    """Epochs, threads, batches."""

    epoch_photos: int = setting(1_000, unit="photos", why="one commit each; what a kill can cost in work")
    epoch_bytes: int = setting(2_000_000_000, unit="bytes", why="an epoch ends earlier when its files reach this size")
    workers: int = setting(_cores(), unit="threads", why="photos judged at once")
    batch_photos: int = setting(
        4, unit="photos", why="so many wait for the model at once; a GPU gathers more by itself"
    )
