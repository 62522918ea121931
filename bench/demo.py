"""The demonstration: the sample photos through the commands that a user would type, then what was found, as a table.

`make demo`, or `python -m bench.demo`. The results are made anew each time.
"""

import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

from bench import stream_demo
from pipelines.report_gallery import short_name
from pipelines.sql import connect
from transforms.sinks.output import name_output

SAMPLES = "samples"
OUTPUT = "out/demo"
HEADINGS = ("photo", "verdict", "score", "band", "reasons", "what was done")
MOST = 44
"""Characters of a column; what is longer goes on in the next line."""


def vitrine(*words: str) -> None:
    """Run a command of ours, as a user would."""
    print(f"$ vitrine {' '.join(words)}", flush=True)
    done = subprocess.run([sys.executable, "-m", "pipelines.cli", *words], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def table(rows: list[tuple[str, ...]]) -> str:
    """Set texts in columns."""
    cells = [[textwrap.wrap(text, MOST) or [""] for text in row] for row in (HEADINGS, *rows)]
    widths = [max(len(line) for row in cells for line in row[column]) for column in range(len(HEADINGS))]
    lines = []
    for row in cells:
        for number in range(max(map(len, row))):
            parts = [cell[number] if number < len(cell) else "" for cell in row]
            lines.append("  ".join(f"{part:<{width}}" for part, width in zip(parts, widths, strict=True)).rstrip())
    rule = "  ".join("─" * width for width in widths)
    return "\n".join([lines[0], rule, *lines[1:]])


def read_rows(output: str) -> list[tuple[str, ...]]:
    """Return what the tables say of each photo, in words."""
    connection = connect(name_output(output))
    photos = connection.execute(
        "select uri, verdict, score, band, reasons, actions, declined from quality order by uri"
    ).fetchall()
    letters = connection.execute("select uri, code, message from dead_letters order by uri").fetchall()
    return [_photo(*photo) for photo in photos] + [
        (short_name(uri), "refused", "", "", code, message) for uri, code, message in letters
    ]


def _photo(
    uri: str,
    verdict: str,
    score: float | None,
    band: str | None,
    reasons: list[dict[str, Any]],
    actions: list[dict[str, Any]],
    declined: list[dict[str, Any]],
) -> tuple[str, ...]:
    done = [f"{a['operation']} {a['before']:.2f} → {a['after']:.2f}" for a in actions]
    done += [f"{a['operation']} declined ({a['bound']})" for a in declined]
    return (
        short_name(uri),
        verdict,
        "" if score is None else f"{score:.0f}",
        band or "",
        ", ".join(f"{r['code']} {r['severity']:.2f}" for r in reasons),
        ", ".join(done),
    )


def main() -> None:
    """Run the demonstration."""
    began = time.perf_counter()
    shutil.rmtree(OUTPUT, ignore_errors=True)
    vitrine("batch", "--input", SAMPLES, "--output", OUTPUT)
    vitrine("report", OUTPUT)
    print(f"\n{table(read_rows(OUTPUT))}\n")
    print(f"The page with before | after: {Path(OUTPUT, 'report.html').resolve().as_uri()}")
    print("\nThe same as a service, on a watched folder:", flush=True)
    stream_demo.main()
    print(f"All of it took {time.perf_counter() - began:.0f} s.")


if __name__ == "__main__":
    main()
