"""Beam's side of the training data: photos to shards of records, and the analysis of their measures on the training part."""

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import tensorflow_transform.beam as tft_beam
from apache_beam.metrics import Metrics
from apache_beam.typehints.decorators import no_annotations
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from models.data.analysis import INPUT, feature_spec, preprocess
from models.data.parts import TRAINING, Source
from models.data.shards import LeftOut, Place, Told, Written, place_of, write_shard
from transforms.one_core import work_on_one_core

_DONE = Metrics.counter("vitrine", "training_photos")


class Records(NamedTuple):
    """What writing gives: a line for each version, whole shards, and photos that were left out."""

    told: beam.PCollection
    written: beam.PCollection
    left_out: beam.PCollection


class WriteRecords(beam.PTransform):
    """Write `Source`s as shards of records. Photos are grouped by shard before anything is made of them: no pixel is shuffled."""

    def __init__(self, folder: str, shards: int, seed: int):
        super().__init__("WriteRecords")
        self.folder, self.shards, self.seed = folder, shards, seed

    @no_annotations
    def expand(self, sources: beam.PCollection) -> Records:
        """Apply to a collection of `Source`."""
        made = (
            sources
            | "By shard" >> beam.Map(partial(_with_place, shards=self.shards))
            | beam.GroupByKey()
            | "Write"
            >> beam.FlatMapTuple(partial(_write, folder=self.folder, seed=self.seed)).with_outputs(
                "written", "left_out", main="told"
            )
        )
        return Records(made.told, made.written, made.left_out)


class Analyze(beam.PTransform):
    """Learn means, deviations and quantiles of the measures on the training part alone, and save tf.Transform's graph."""

    def __init__(self, folder: str, scratch: str):
        super().__init__("Analyze")
        self.folder, self.scratch = folder, scratch

    @no_annotations
    def expand(self, told: beam.PCollection) -> beam.PCollection:
        """Apply to a collection of `Told` of any parts."""
        rows = told | "Training part" >> beam.Filter(_trains) | "Measures" >> beam.Map(_scalars)
        return rows | AnalyzeRows(self.folder, self.scratch)


class AnalyzeRows(beam.PTransform):
    """Learn from a collection of vectors of measures, and save tf.Transform's graph."""

    def __init__(self, folder: str, scratch: str):
        super().__init__("AnalyzeRows")
        self.folder, self.scratch = folder, scratch

    @no_annotations
    def expand(self, vectors: beam.PCollection) -> beam.PCollection:
        """Apply to a collection of arrays, each float32, one number for each of `SCALARS`."""
        metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(feature_spec()))
        rows = vectors | "As rows" >> beam.Map(_row)
        with tft_beam.Context(temp_dir=self.scratch):
            learnt = (rows, metadata) | tft_beam.AnalyzeDataset(preprocess)
            return learnt | tft_beam.WriteTransformFn(self.folder)


def _with_place(source: Source, shards: int) -> tuple[tuple[str, int, int], Source]:
    place = place_of(source, shards)
    return (place.part, place.shard, place.shards), source


@no_annotations
def _write(key: tuple[str, int, int], sources: Iterable[Source], folder: str, seed: int) -> Iterable[Any]:
    """Told of each version; `Written` and `LeftOut` under their tags."""
    work_on_one_core()
    for told in write_shard(Place(*key), sources, folder, seed, lambda name: _DONE.inc()):
        if isinstance(told, Told):
            yield told
        else:
            yield beam.pvalue.TaggedOutput("written" if isinstance(told, Written) else "left_out", told)


@no_annotations
def _trains(told: Told) -> bool:
    return told.part == TRAINING


@no_annotations
def _scalars(told: Told) -> npt.NDArray[np.float32]:
    return told.scalars


@no_annotations
def _row(scalars: npt.NDArray[np.float32]) -> dict[str, object]:
    return {INPUT: scalars}


__all__ = ["Analyze", "AnalyzeRows", "LeftOut", "Records", "WriteRecords"]
