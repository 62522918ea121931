"""`vitrine batch`: every photo of a folder, a bucket or a manifest, in epochs; what is finished already is left out."""

import argparse
import dataclasses
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from pipelines import memory, run_file
from pipelines.config import Config
from pipelines.progress import Progress
from pipelines.tally import Tally
from transforms import identity
from transforms.errors import RefusalError, UserError
from transforms.records import DeadLetter, ImageEvent, dead_letter
from transforms.sinks.again import Again
from transforms.sinks.finished import Identity
from transforms.sinks.images import sweep
from transforms.sinks.output import open_output
from transforms.sinks.tables import Tables
from transforms.sources.read import read


@dataclasses.dataclass
class Epoch:
    """A bounded share of the input: photo versions to judge, and what could not be read of the source."""

    events: list[ImageEvent] = dataclasses.field(default_factory=list)
    dead_letters: list[DeadLetter] = dataclasses.field(default_factory=list)
    finished: int = 0
    repeated: int = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vitrine batch` takes."""
    parser.add_argument(
        "--input", required=True, help="a folder, a glob, gs://…, s3://…, or a manifest (CSV, JSONL, Parquet)"
    )
    parser.add_argument("--output", required=True, help="a folder, gs://BUCKET/PREFIX or s3://BUCKET/PREFIX")
    parser.add_argument("--again", action="store_true", help="judge finished photos once more, as a new revision")
    parser.add_argument("--where", metavar="SQL", help="with --again: only rows that fit, e.g. \"verdict = 'retake'\"")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(args: argparse.Namespace, config: Config) -> int:
    """Run the batch; 0 when every photo of the input has a record or a dead letter."""
    if args.where and not args.again:
        raise UserError("--where chooses among finished photos, so it needs --again")
    began, clock = datetime.now(UTC), time.perf_counter()
    memory.settle_heaps(config.run.workers)
    left_out: Counter[str] = Counter()
    # The input first: whoever mistyped it should not find an empty output made.
    found = read(args.input, args.output, config.input, left_out)
    output = open_output(args.output)
    sweep(output)

    with closing(Tables(output, config.tables)) as tables:
        again = Again(output, args.input, args.where) if args.again else None
        # Imported here: Beam takes seconds, and whoever named a missing folder should not wait for them.
        from pipelines.epoch import run_epoch
        from pipelines.job import open_job
        from transforms.stage import DONE

        total, finished, repeated, epochs = Tally(), 0, 0, 0
        job = open_job(config, output)
        with Progress(lambda: DONE.value, args.quiet):
            for epoch in split(found, config.run.epoch_photos, config.run.epoch_bytes):
                fresh = _unfinished(epoch, tables, again)
                finished, repeated = finished + fresh.finished, repeated + fresh.repeated
                if fresh.events or fresh.dead_letters:
                    total.add(run_epoch(fresh.events, fresh.dead_letters, {}, job, config.run.workers))
                    epochs += 1
        if again is not None:
            again.finish()
        summary = run_file.summary(args.input, output.root, began, time.perf_counter() - clock, total, job.maker)
        summary |= {"already_finished": finished, "repeated": repeated, "epochs": epochs, "left_out": dict(left_out)}
        run_file.write(output, summary)
    print(run_file.text(summary))
    print(f"next: vitrine report {args.output}")
    return 0


def split(found: Iterable[ImageEvent | DeadLetter], photos: int, size: int) -> Iterator[Epoch]:
    """Cut a source into epochs of at most `photos` elements, ended early where their files reach `size` bytes."""
    epoch, bytes_so_far = Epoch(), 0
    for item in found:
        if isinstance(item, DeadLetter):
            epoch.dead_letters.append(item)
        else:
            epoch.events.append(item)
            bytes_so_far += item.size or 0
        if len(epoch.events) + len(epoch.dead_letters) >= photos or bytes_so_far >= size:
            yield epoch
            epoch, bytes_so_far = Epoch(), 0
    if epoch.events or epoch.dead_letters:
        yield epoch


def _unfinished(epoch: Epoch, tables: Tables, again: Again | None) -> Epoch:
    """Leave out what either table holds (or, with `--again`, what has its new revision already), and repeats."""
    items: Sequence[ImageEvent | DeadLetter] = [*epoch.events, *epoch.dead_letters]
    identities: list[Identity] = [(item.event_id, item.uri, item.generation) for item in items]
    known = tables.revisions(identities)
    targets = again.targets(identities) if again else [None] * len(items)
    left = Epoch()
    seen: set[Any] = set()
    named: set[str] = set()
    for item, whole, revision, target in zip(items, identities, known, targets, strict=True):
        wanted = 0 if revision is None else target
        version = whole[1:] if whole[1] else whole[0]
        if version in seen:
            left.repeated += 1
            continue
        seen.add(version)
        if wanted is None or (revision is not None and revision >= wanted):
            left.finished += 1
            continue
        item = dataclasses.replace(item, revision=wanted)
        if isinstance(item, DeadLetter):
            left.dead_letters.append(item)
        elif item.event_id in named:
            left.dead_letters.append(_misnamed(item))
        else:
            named.add(item.event_id)
            left.events.append(item)
    return left


def _misnamed(event: ImageEvent) -> DeadLetter:
    """Refuse an event whose id another photo has: the tables know a row by it, and would take the two for one."""
    refusal = RefusalError("bad_event", f"the event id {event.event_id[:200]!r} names another photo already")
    id_ = identity.event_id(None, event.uri, event.generation, event.source_position or "")
    return dead_letter(dataclasses.replace(event, event_id=id_), "source", refusal, datetime.now(UTC))
