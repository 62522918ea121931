"""`vitrine replay`: dead letters run again, each as a new revision, so that none is recorded twice."""

import argparse
import base64
import dataclasses
import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

from pipelines import run_file
from pipelines.config import Config
from pipelines.progress import Progress
from pipelines.tally import Tally
from transforms.errors import RefusalError, UserError
from transforms.events import STAGE as PARSE
from transforms.events import parse
from transforms.events.fields import time_of
from transforms.identity import is_newer
from transforms.reasons import REFUSALS
from transforms.records import DeadLetter, ImageEvent, Row, event_from_payload
from transforms.sinks.output import Output, open_output
from transforms.sinks.seen import Seen
from transforms.sinks.tables import DEAD_LETTERS, QUALITY, read_table

Item = ImageEvent | DeadLetter

_CHOSEN = """
    SELECT * FROM (SELECT * FROM dead_letters QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY revision DESC) = 1) d
    WHERE code IN (SELECT unnest(?)) AND failed_at >= ?
    AND NOT EXISTS (SELECT 1 FROM quality q WHERE q.event_id = d.event_id AND q.revision >= d.revision)
    ORDER BY failed_at, event_id"""
"""The newest dead letter of each event, unless a record has come after it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vitrine replay` takes."""
    parser.add_argument("output", help="the output of a batch or a stream: a folder, gs://… or s3://…")
    parser.add_argument("--code", action="append", required=True, help="dead letters of this code; may be given again")
    parser.add_argument("--since", metavar="TIME", help="only those that failed since: 2026-03-01 or 2026-03-01T12:00")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(args: argparse.Namespace, config: Config) -> int:
    """Run the chosen dead letters again; 0 when each has a record now or there was none, 1 when one was refused again."""
    since = _since(args.since)
    for code in args.code:
        if code not in REFUSALS:
            raise UserError(f"--code {code} is not known; there are: {', '.join(REFUSALS)}")
    output = open_output(args.output)
    began, clock = datetime.now(UTC), time.perf_counter()
    left_out: Counter[str] = Counter()
    items = chosen(output, args.code, since, left_out)
    if not items:
        print(f"nothing to run again: no open dead letter of {', '.join(args.code)} in {output.root}")
        return 0

    # Imported here: Beam takes seconds, and whoever mistyped a code should not wait for them.
    from pipelines.epoch import run_epoch
    from pipelines.job import open_job
    from transforms.stage import DONE

    job = open_job(config, output)
    total, epochs = Tally(), 0
    with Progress(lambda: DONE.value, args.quiet):
        for start in range(0, len(items), config.run.epoch_photos):
            share = items[start : start + config.run.epoch_photos]
            events = [item for item in share if isinstance(item, ImageEvent)]
            letters = [item for item in share if isinstance(item, DeadLetter)]
            total.add(run_epoch(events, letters, {}, job, config.run.workers))
            epochs += 1
    source = f"dead letters of {', '.join(args.code)}"
    summary = run_file.summary(source, output.root, began, time.perf_counter() - clock, total, job.maker)
    print(run_file.text(summary | {"already_finished": 0, "epochs": epochs, "left_out": dict(left_out)}))
    return 1 if total.refused else 0


def chosen(output: Output, codes: Sequence[str], since: datetime, left_out: Counter[str]) -> list[Item]:
    """Return what to run again, each event once, as the revision after its last one.

    Left out, and counted: an event whose URI has a newer generation by now, and what names no photo.

    Raises:
        UserError: the tables cannot be read.
    """
    import duckdb

    database = duckdb.connect()
    database.execute("SET memory_limit = '1GB'")
    for name in (QUALITY, DEAD_LETTERS):
        database.register(name, read_table(output, name).to_pyarrow_dataset())
    rows = database.sql(_CHOSEN, params=[list(codes), since]).to_arrow_table().to_pylist()
    with closing(Seen(output)) as seen:
        seen.follow()
        newest = seen.newest([row["uri"] or "" for row in rows])
    items: list[Item] = []
    for row, latest in zip(rows, newest, strict=True):
        if latest and is_newer(latest, row["generation"] or ""):
            left_out["superseded by a newer generation"] += 1
            continue
        try:
            items += items_of(row)
        except RefusalError:
            left_out["dead letters that name no photo"] += 1
    return items


def items_of(row: Row) -> list[Item]:
    """Return what a dead letter's payload says: its event, or what a message says when it is read once more.

    Raises:
        RefusalError: the payload is neither an event of this program nor a message.
    """
    revision = row["revision"] + 1
    if row["stage"] != PARSE:
        return [dataclasses.replace(event_from_payload(row["payload"]), revision=revision)]
    parsed = parse(_raw(row["payload"]), {}, row["source_position"] or row["event_id"])
    # A message that is read now is no new revision: its photos were never recorded, or they are known.
    return [
        dataclasses.replace(item, event_id=row["event_id"], revision=revision) if isinstance(item, DeadLetter) else item
        for item in parsed.items
    ]


def _raw(payload: str) -> bytes:
    try:
        return base64.b64decode(json.loads(payload)["base64"], validate=True)
    except (ValueError, KeyError, TypeError):
        return payload.encode()


def _since(text: str | None) -> datetime:
    if text is None:
        return datetime(1970, 1, 1, tzinfo=UTC)
    try:
        return time_of(text) or datetime(1970, 1, 1, tzinfo=UTC)
    except RefusalError:
        raise UserError(f"--since {text} is no time: write 2026-03-01 or 2026-03-01T12:00") from None
