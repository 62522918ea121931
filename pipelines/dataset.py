"""`vitrine dataset`: the training data as a Beam pipeline, from photos in a folder to TFRecord shards.

Photos are split by source and SKU before anything is made of them; clean ones are spoilt by growing steps and labelled by how
much of their likeness is left; what tf.Transform learns of the measures on the training part is saved beside them.
"""

import argparse
import json
import shlex
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.config import Config
from pipelines.train import DATA
from transforms.errors import UserError

SHARDS = 4
MANIFEST = "dataset.json"
"""Written last: a folder that has it is whole."""
TRANSFORM = "transform"
"""Folder of tf.Transform's graph."""
HERE = "FnApiRunner"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("-o", "--output", required=True, help="folder for the records, gs:// included")
    parser.add_argument("--data", type=Path, default=DATA, help=f"folder of training data (default: {DATA})")
    parser.add_argument("--seed", type=int, default=0, help="seed of every random choice (default: 0)")
    parser.add_argument("--photos", type=int, help="photos drawn of each part (default: all)")
    parser.add_argument("--shards", type=int, default=SHARDS, help=f"files of each part (default: {SHARDS})")
    parser.add_argument(
        "--runner", default=HERE, help=f"Beam's runner (default: {HERE}, on this machine, in --run-workers threads)"
    )
    parser.add_argument(
        "--runner-options", default="", help='flags of the runner, as one text: "--project=… --region=…"'
    )


def run(args: argparse.Namespace, config: Config) -> int:
    """Write the records; 0 when every photo is in them, 1 when some were left out."""
    from models.data import parts

    if min(args.shards, args.shards if args.photos is None else args.photos) < 1:
        raise UserError("--photos and --shards are whole numbers of 1 and more")
    found = parts.drawn(parts.sources(args.data, args.seed), args.photos, args.seed)
    parts.check_apart(found)
    began = time.monotonic()
    summary = make(found, args.output, args.seed, args.shards, _options(args, config.run.workers))
    for part, counts in summary["parts"].items():
        print(f"{part:11} {counts['photos']:5} photos {counts['records']:7} records in {counts['shards']} shards")
    for left in summary["left_out"]:
        print(f"left out: {left['name']}: {left['code']}: {left['message']}")
    print(f"written to {args.output} in {time.monotonic() - began:.0f} s")
    return 1 if summary["left_out"] else 0


def make(found: Sequence[Any], output: str, seed: int, shards: int, options: Any) -> dict[str, Any]:
    """Run the pipeline over some `Source`s and write the manifest; return what it says."""
    import apache_beam as beam
    import tensorflow as tf

    from transforms.training_data import Analyze, WriteRecords

    tf.io.gfile.makedirs(output)
    for name in (MANIFEST, TRANSFORM):
        if tf.io.gfile.exists(f"{output}/{name}"):
            (tf.io.gfile.rmtree if tf.io.gfile.isdir(f"{output}/{name}") else tf.io.gfile.remove)(f"{output}/{name}")
    with tempfile.TemporaryDirectory() as scratch:
        place = f"{output}/_scratch" if "://" in output else scratch
        with beam.Pipeline(options=options) as pipeline:
            sources = pipeline | "Photos" >> beam.Create(list(found))
            told, written, left_out = sources | WriteRecords(output, shards, seed)
            _ = told | Analyze(f"{output}/{TRANSFORM}", place)
            _ = (
                (written, left_out)
                | beam.Flatten()
                | "As one" >> beam.combiners.ToList()
                | "Manifest" >> beam.Map(write_manifest, output=output, seed=seed)
            )
    summary: dict[str, Any] = json.loads(tf.io.gfile.GFile(f"{output}/{MANIFEST}").read())
    return summary


def write_manifest(ended: Sequence[Any], output: str, seed: int) -> None:
    """Write `dataset.json`: what each part holds, the shards' digests, the order of vectors, what was left out."""
    import tensorflow as tf

    from models.data.shards import LeftOut, Written
    from models.defects import DEFECTS
    from models.scalars import SCALARS

    shards = sorted((one for one in ended if isinstance(one, Written)), key=lambda one: one.place.file)
    left_out = sorted((one for one in ended if isinstance(one, LeftOut)), key=lambda one: one.name)
    parts: dict[str, dict[str, int]] = {}
    for shard in shards:
        counts = parts.setdefault(shard.place.part, {"photos": 0, "records": 0, "shards": 0})
        for name, more in (("photos", shard.photos), ("records", shard.records), ("shards", 1)):
            counts[name] += more
    told = {
        "seed": seed,
        "parts": parts,
        "files": {shard.place.file: {"records": shard.records, "sha256": shard.digest} for shard in shards},
        "scalars": list(SCALARS),
        "defects": list(DEFECTS),
        "left_out": [{"name": one.name, "code": one.code, "message": one.message} for one in left_out],
    }
    with tf.io.gfile.GFile(f"{output}/{MANIFEST}", "w") as file:
        file.write(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def _options(args: argparse.Namespace, workers: int) -> Any:
    """Beam's options: on this machine so many threads, else what the user names."""
    from apache_beam.options.pipeline_options import PipelineOptions

    import pipelines.epoch  # noqa: F401 - holds Beam to sending what is put out at a bundle's end

    flags = [f"--runner={args.runner}", *shlex.split(args.runner_options)]
    if args.runner == HERE and workers > 1:
        flags += ["--direct_running_mode=multi_threading", f"--direct_num_workers={workers}"]
    return PipelineOptions(flags)
