"""What one epoch's commit costs as the tables grow: `python -m bench.tables [--rows 10000 100000 1000000]`.

For each size: a commit of 1,000 rows and 1,000 look-ups (medians of nine, by the clock and in core-milliseconds, which a
busy machine changes less), the index made from nothing, its size, and the memory that making it took.
"""

import argparse
import multiprocessing
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from models.defects import DEFECTS
from transforms.imaging.measures import MEASURES
from transforms.imaging.types import Assessment, Box, Header, Judgement, Prediction, Reason
from transforms.records import ImageEvent, Maker, Row, quality_row, quality_schema
from transforms.sinks.finished import FILE
from transforms.sinks.output import open_output
from transforms.sinks.tables import QUALITY, Tables

EPOCH = 1_000
CHUNK = 100_000
REPEATS = 9
MAKER = Maker("0.1.0", "0" * 16, "savedmodel", "0" * 16)


def row(number: int) -> Row:
    """Return a row as full as a real one."""
    event = ImageEvent(f"{number:032x}", f"file:///photos/shop-{number % 997}/{number:09d}.jpg", f"mtime:{number:020d}")
    measures = {measure.name: number % 1000 / 1000 for measure in MEASURES}
    return quality_row(
        event,
        Assessment(
            Header("jpeg", 1200, 900, "RGB"), f"{number:064x}", f"{number:016x}", measures, Box(0, 0, 1, 1), 0.5, None
        ),
        Prediction(number % 100, 40.0, 60.0, dict.fromkeys(DEFECTS, 0.1)),
        Judgement("accept", "good", (Reason("dark", 0.3, None, 1.2),)),
        MAKER,
        size=200_000,
        processed_at=datetime.now(UTC),
        elapsed_ms=40.0,
    )


def fill(place: str, first: int, last: int) -> None:
    """Append rows that are empty but for their identity, in large files, as a compaction leaves them."""
    schema = quality_schema()
    for start in range(first, last, CHUNK):
        numbers = range(start, min(start + CHUNK, last))
        identity = {
            "event_id": pa.array([event_id(number) for number in numbers]),
            "uri": pa.array([f"file:///photos/shop-{number % 997}/{number:09d}.jpg" for number in numbers]),
            "generation": pa.array([f"mtime:{number:020d}" for number in numbers]),
            "revision": pa.array([0] * len(numbers), pa.int64()),
            "dt": pa.array([date(2026, 1, 1 + number // 1_000_000) for number in numbers]),
        }
        columns = [identity.get(field.name, pa.nulls(len(numbers), field.type)) for field in schema]
        write_deltalake(place, pa.Table.from_arrays(columns, schema=schema), mode="append")


def event_id(number: int) -> str:
    """Return ids in no order, as hashes are."""
    return f"{number * 2_654_435_761 % 2**64:032x}"


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the milliseconds that the work took, by the clock and of all cores together."""
    began, worked = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - began) * 1e3, (time.process_time() - worked) * 1e3


def build_index(root: str) -> tuple[float, float]:
    """Make the index from nothing: core-seconds, and the megabytes by which the process grew at most."""
    tables = Tables(open_output(root))
    before = memory("VmRSS")
    _, cpu = timed(partial(tables.revisions, []))
    return cpu / 1e3, memory("VmHWM") - before


def memory(name: str) -> float:
    """Return a line of this process's status in megabytes; its VmHWM, unlike getrusage's, is not the parent's."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) / 1e3


def measure_size(root: Path, have: int, rows: int) -> str:
    """Grow the table to a size, and return the line of it."""
    output = open_output(str(root))
    Tables(output).close()
    fill(output.child(QUALITY), have, rows)
    index = output.state_folder() / FILE
    for part in index.parent.glob(f"{FILE}*"):
        part.unlink()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
        built, grew = fresh.submit(build_index, str(root)).result()
    tables = Tables(output)
    asked = [(event_id(number), None, None) for number in range(0, 2 * rows, 2 * rows // EPOCH)]
    looked_up = [timed(partial(tables.revisions, asked)) for _ in range(REPEATS)]
    commits = [timed(partial(tables.commit_epoch, epoch(rows, repeat), [])) for repeat in range(REPEATS)]
    tables.close()
    size = sum(part.stat().st_size for part in index.parent.glob(f"{FILE}*")) / 1e6
    cells = (*medians(commits), *medians(looked_up), built, size, grew)
    return _line(f"{rows:,}", *(f"{cell:.0f}" if cell >= 10 else f"{cell:.2g}" for cell in cells))


def medians(times: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the median by the clock and the median of the cores."""
    clock, cores = zip(*times, strict=True)
    return statistics.median(clock), statistics.median(cores)


def epoch(rows: int, repeat: int) -> list[Row]:
    """Return rows that no table has yet."""
    first = 10**9 + rows * 100 + repeat * EPOCH
    return [row(number) for number in range(first, first + EPOCH)]


def _line(*cells: str) -> str:
    return "".join(f"{cell:>11}" for cell in cells)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--place", type=Path, help="a folder to work in; deleted afterwards")
    args = parser.parse_args()
    root = Path(tempfile.mkdtemp(dir=args.place))
    print(_line("", "commit", "commit", "look-ups", "look-ups", "index", "index", "memory"))
    print(_line("rows", "ms", "core-ms", "ms", "core-ms", "core-s", "MB", "MB"))
    try:
        have = 0
        for rows in sorted(args.rows):
            print(measure_size(root, have, rows), flush=True)
            have = rows
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
