"""Records in files: which shard a photo is in, and a shard written whole or not at all."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from models.data.parts import Source
from models.data.schema import to_record
from models.data.versions import versions
from transforms.errors import RefusalError, UserError


@dataclass(frozen=True, slots=True)
class Place:
    """One file of records: its part, its number and how many there are."""

    part: str
    shard: int
    shards: int

    @property
    def file(self) -> str:
        """The file's name within the output folder."""
        return f"{self.part}-{self.shard:05d}-of-{self.shards:05d}.tfrecord"


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one version that was written, for the analysis and the counts; `quality` is None where there is no label."""

    part: str
    version: str
    quality: float | None
    scalars: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Written:
    """A whole shard: the photos in it, its records and its digest (SHA-256)."""

    place: Place
    photos: int
    records: int
    digest: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A photo that could not be used, with a dead-letter code and a sentence."""

    name: str
    code: str
    message: str


def place_of(source: Source, shards: int) -> Place:
    """The shard of a photo, by its name, so for any set of photos the same."""
    digest = hashlib.sha256(source.name.encode()).hexdigest()
    return Place(source.part, int(digest[:8], 16) % shards, shards)


def write_shard(
    place: Place, sources: Iterable[Source], folder: str, seed: int, done: Callable[[str], None] = lambda name: None
) -> Iterator[Told | LeftOut | Written]:
    """Make the versions of a shard's photos and write them, photo by photo, in order of their names.

    The file has its name only once it is whole; the same photos and seed give the same records, but for a
    float's last digit. Memory holds one photo's versions.

    Args:
        place: which shard.
        sources: its photos, in any order.
        folder: where to; local, or what TensorFlow can write to (gs://).
        seed: of all random choices, with each photo's name.
        done: told of each photo's name.
    """
    whole = f"{folder}/{place.file}"
    part = f"{whole}.part"
    digest, photos, records = hashlib.sha256(), 0, 0
    with tf.io.TFRecordWriter(part) as writer:
        for source in sorted(sources, key=lambda source: source.name):
            try:
                made = list(versions(source, seed))
            except RefusalError as error:
                yield LeftOut(source.name, error.code, error.message)
                continue
            except UserError as error:
                yield LeftOut(source.name, "not_an_image", str(error))
                continue
            for version in made:
                record = to_record(version)
                digest.update(record)
                writer.write(record)
                quality = version.likeness.quality if version.likeness else None
                yield Told(source.part, version.version, quality, version.scalars)
            photos, records = photos + 1, records + len(made)
            done(source.name)
    tf.io.gfile.rename(part, whole, overwrite=True)
    yield Written(place, photos, records, digest.hexdigest())
