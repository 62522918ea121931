"""How fast inputs become events, and in how much memory: it must not grow with their number.

    python -m bench.inputs [--counts 10000 1000000]

Each line is a process of its own. `folder` lists empty files in one folder; `bucket` lists a store whose pages are made up
here, so it is the cost on this side alone; the manifests name https addresses.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KINDS = ("folder", "bucket", "csv", "jsonl", "parquet", "messages")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        return measure(args.one[0], int(args.one[1]), Path(args.one[2]))
    print(f"{'source':<10}{'events':>11}{'events/s':>12}{'peak MB':>10}")
    for kind in args.kinds:
        for count in args.counts:
            with tempfile.TemporaryDirectory() as scratch:
                make(kind, count, Path(scratch))
                command = [sys.executable, "-m", "bench.inputs", "--one", kind, str(count), scratch]
                print(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout, end="", flush=True)
    return None


def make(kind: str, count: int, scratch: Path) -> None:
    """Write the input."""
    if kind == "folder":
        for number in range(count):
            (scratch / f"{number * 7919 % count:08d}.jpg").touch()
    elif kind == "csv":
        with (scratch / "m.csv").open("w") as file:
            file.write("uri,seller_id,role,price\n")
            file.writelines(f"https://img.example/{n}.jpg,{n % 97},main,9.5\n" for n in range(count))
    elif kind == "jsonl":
        with (scratch / "m.jsonl").open("w") as file:
            row = {"seller_id": 7, "role": "main", "price": 9.5}
            file.writelines(json.dumps({"uri": f"https://img.example/{n}.jpg", **row}) + "\n" for n in range(count))
    elif kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table({"uri": [f"https://img.example/{n}.jpg" for n in range(count)], "seller_id": range(count)})
        pq.write_table(table, scratch / "m.parquet", row_group_size=50_000)


def measure(kind: str, count: int, scratch: Path) -> None:
    """Read the input and print one line."""
    from transforms.sources.names import InputSettings
    from transforms.sources.read import read

    if kind == "messages":
        items: Iterator[Any] = messages(count)
    elif kind == "bucket":
        items = listing(count)
    else:
        items = read(str(scratch if kind == "folder" else scratch / f"m.{kind}"), None, InputSettings())
    began = time.perf_counter()
    found = sum(1 for _ in items)
    seconds = time.perf_counter() - began
    assert found == count, found
    # Not getrusage: its peak is handed down from the process that started this one.
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(f"{kind:<10}{count:>11,}{count / seconds:>12,.0f}{peak:>10,.0f}")


def listing(count: int) -> Iterator[Any]:
    """Yield the events of a bucket whose store answers at once, a thousand objects a page."""
    from datetime import UTC, datetime

    from transforms.sources import bucket
    from transforms.sources.names import InputSettings

    def stored(*_: str) -> Iterator[bucket.Stored]:
        now = datetime.now(UTC)
        for n in range(count):
            yield bucket.Stored(f"s3://b/p/{n:09d}.jpg", f"p/{n:09d}.jpg", f"{n:020d}", 5, now, "?etag=5")

    bucket.list_objects = stored
    return iter(bucket.read_bucket("s3://b/p", lambda _: False, InputSettings(), Counter()))


def messages(count: int) -> Iterator[Any]:
    """Yield what S3 notifications announce."""
    from transforms.events import parse

    place = {"bucket": {"name": "b"}, "object": {"key": "a%2Bb.jpg", "size": 5, "sequencer": "0055AED6DCD90281E5"}}
    time_ = "2026-01-02T03:04:05.000Z"
    record = {"eventSource": "aws:s3", "eventTime": time_, "eventName": "ObjectCreated:Put", "s3": place}
    body = json.dumps({"Records": [record]}).encode()
    for n in range(count):
        yield from parse(body, {}, f"topic:0:{n}").items


if __name__ == "__main__":
    main()
