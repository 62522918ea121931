"""The fields of one record of training data, and both ways between a `Made` and a `tf.train.Example`.

`docs/training-data.md` has this table; a test compares the two.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from models.data.versions import Made
from models.defects import DEFECTS
from models.scalars import SCALARS


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, what it holds, its meaning; `spec` is what `tf.io.parse_single_example` reads it by."""

    name: str
    holds: str
    meaning: str
    spec: tf.io.FixedLenFeature | tf.io.VarLenFeature


def _one(kind: tf.DType) -> tf.io.FixedLenFeature:
    return tf.io.FixedLenFeature([], kind)


_ANY_FLOAT = tf.io.VarLenFeature(tf.float32)
_ANY_WHOLE = tf.io.VarLenFeature(tf.int64)

FIELDS: tuple[Field, ...] = (
    Field("name", "text", "the photo's set and file name", _one(tf.string)),
    Field("group", "text", "SKU, seller or photo that stays in one part", _one(tf.string)),
    Field("part", "text", "training, selection, test, rated or unlabelled", _one(tf.string)),
    Field("version", "text", "clean, the way and its step, mixed and its number, or as it is", _one(tf.string)),
    Field("photo", "bytes", "the file, as stored last", _one(tf.string)),
    Field("format", "text", "of the file: jpeg, webp, …", _one(tf.string)),
    Field("height", "whole number", "of the upright photo, px", _one(tf.int64)),
    Field("width", "whole number", "of the upright photo, px", _one(tf.int64)),
    Field(
        "scalars",
        f"{len(SCALARS)} floats",
        "the measures of `models.scalars.SCALARS`, in that order; NaN where one could not be made",
        tf.io.FixedLenFeature([len(SCALARS)], tf.float32),
    ),
    Field("ways", "texts", "defects made, in the order made; none of clean ones", tf.io.VarLenFeature(tf.string)),
    Field("strengths", "floats 0..1", "how much of each", _ANY_FLOAT),
    Field(
        "defects",
        f"{len(DEFECTS)} floats, or none",
        "of `models.defects.DEFECTS`: 1 made, 0 not there, -1 not told apart; none where nobody knows",
        _ANY_FLOAT,
    ),
    Field("mdsi", "a float, or none", "distance to the clean photo: 0 the same", _ANY_FLOAT),
    Field("haarpsi", "a float, or none", "similarity to the clean photo: 1 the same", _ANY_FLOAT),
    Field("tone", "a float, or none", "factor 0..1 for how far light and colour moved", _ANY_FLOAT),
    Field("quality", "a float, or none", "label 0..1: mean of both similarities times `tone`", _ANY_FLOAT),
    Field("fold", "a whole number, or none", "of rated photos: 0..4", _ANY_WHOLE),
    Field("mos", "a float, or none", "of rated photos: mean opinion 0..100", _ANY_FLOAT),
    Field("spread", "a float, or none", "of rated photos: the raters' standard deviation", _ANY_FLOAT),
)

SPEC = {field.name: field.spec for field in FIELDS}
"""What reads a record: `tf.io.parse_single_example(record, SPEC)`."""


def to_record(made: Made) -> bytes:
    """A version as a serialized `tf.train.Example`: the same version gives the same bytes."""
    source, found = made.source, made.likeness
    values: dict[str, list[bytes] | list[int] | list[float]] = {
        "name": [source.name.encode()],
        "group": [source.group.encode()],
        "part": [source.part.encode()],
        "version": [made.version.encode()],
        "photo": [made.data],
        "format": [made.format.encode()],
        "height": [made.size[0]],
        "width": [made.size[1]],
        "scalars": made.scalars.tolist(),
        "ways": [way.encode() for way in made.ways],
        "strengths": list(made.strengths),
        "defects": [] if made.defects is None else made.defects.tolist(),
        "mdsi": [found.mdsi] if found else [],
        "haarpsi": [found.haarpsi] if found else [],
        "tone": [found.tone] if found else [],
        "quality": [found.quality] if found else [],
        "fold": [] if source.fold is None else [source.fold],
        "mos": [] if source.mos is None else [source.mos],
        "spread": [] if source.spread is None else [source.spread],
    }
    features = {name: _feature(SPEC[name].dtype, value) for name, value in values.items()}
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return bytes(example.SerializeToString(deterministic=True))


def _feature(kind: tf.DType, values: list[bytes] | list[int] | list[float]) -> tf.train.Feature:
    if kind == tf.string:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if kind == tf.int64:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Feature(float_list=tf.train.FloatList(value=np.asarray(values, np.float32)))
