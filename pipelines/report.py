"""`vitrine report`: one page about an output, as one file that can be sent and read without a network.

Photos are within the page as small copies, not beside it: a page that is mailed, archived or opened a year later still
shows them. So their number is bounded, and the page says how many of how many it shows.
"""

import argparse
import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipelines.config import Config
from pipelines.report_figures import STEP, VERDICTS, Figures, meaning_of, read_figures
from pipelines.report_gallery import Section, make_gallery, short_name, visible
from pipelines.run_file import NAME as RUN_FILE
from transforms.errors import RefusalError, UserError
from transforms.fetch import fetch
from transforms.imaging.policy import BANDS
from transforms.records import ImageEvent
from transforms.sinks.output import Output, name_output
from transforms.sinks.whole import write_whole

PAGE = "report.html"
_STAGE = ("photos", "core_ms", "core_ms_per_photo")
"""What `run.json` says of each stage."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vitrine report` takes."""
    parser.add_argument("output", metavar="OUT", help="the output of a run: a folder, gs://… or s3://…")
    parser.add_argument("--html", metavar="FILE", help=f"where the page is written; by default OUT/{PAGE}")
    parser.add_argument(
        "--samples",
        metavar="N",
        type=int,
        default=12,
        help="photos shown of each group, at most (12); the page is bounded",
    )


def run(args: argparse.Namespace, config: Config) -> int:
    """Write the page and say where it is."""
    if args.samples < 1:
        raise UserError("--samples must be 1 or more")
    output = name_output(args.output)
    figures = read_figures(output, args.samples)
    sections = make_gallery(figures.groups, output, config)
    page = render(output.root, figures, sections, read_run(output, config)).encode("utf-8")
    if args.html:
        place = Path(args.html).expanduser().absolute()
        if place.is_dir():
            raise UserError(f"{place} is a folder: --html takes the name of a file")
        write_whole(Output(str(place.parent)), place.name, page, "text/html")
        shown = str(place)
    else:
        write_whole(output, PAGE, page, "text/html")
        shown = output.child(PAGE)
    photos = sum(len(section.cards) for section in sections)
    print(f"{shown} ({len(page) / 1e6:.1f} MB, {photos:,} of {figures.photos:,} photos shown)")
    return 0


def read_run(output: Output, config: Config) -> dict[str, Any] | None:
    """Return what the last run said of itself in `run.json`; None where it said nothing, or nothing that can be read."""
    try:
        if output.scheme == "file":
            data = Path(output.child(RUN_FILE)).read_bytes()
        else:
            data = fetch(ImageEvent(event_id=RUN_FILE, uri=output.uri(RUN_FILE)), config.fetch, config.decode)
        document = json.loads(data)
    except (OSError, ValueError, RefusalError, UserError):
        return None
    return document if isinstance(document, dict) else None


def render(place: str, figures: Figures, sections: list[Section], run: Mapping[str, Any] | None) -> str:
    """Fill the template; every text of a record is escaped by it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": lambda number: f"{number:,}",
        "digest": lambda script: base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        "meaning": meaning_of,
        "name": short_name,
        "visible": visible,
    }
    return environment.get_template(PAGE).render(
        place=visible(place),
        made=datetime.now(UTC),
        version=version("vitrine"),
        figures=figures,
        meanings=VERDICTS,
        sections={name: [s for s in sections if s.group.verdict == name] for name in figures.verdicts},
        bars=_bars(figures),
        bands=_bands(figures),
        stages=_stages(run),
        run=run,
    )


def _bars(figures: Figures) -> list[dict[str, Any]]:
    """Return the histogram's bars: scores from and to, band, photos, height in percent of the highest."""
    highest = max(figures.histogram, default=0) or 1
    return [
        {
            "low": STEP * index,
            "high": STEP * (index + 1),
            "band": next(name for end, name in BANDS if STEP * index < end),
            "photos": photos,
            "height": round(100 * photos / highest, 1),
        }
        for index, photos in enumerate(figures.histogram)
    ]


def _bands(figures: Figures) -> list[dict[str, Any]]:
    """Return each band's scores and photos."""
    low, bands = 0.0, []
    for end, name in BANDS:
        bands.append({"name": name, "low": low, "high": min(end, 100.0), "photos": figures.bands.get(name, 0)})
        low = end
    return bands


def _stages(run: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the stages of the last run with their share of all work; none where the file does not have them."""
    stages = (run or {}).get("stages")
    if not isinstance(stages, dict):
        return []
    rows = [
        {"name": name, "photos": stage["photos"], "ms": stage["core_ms"], "each": stage["core_ms_per_photo"]}
        for name, stage in stages.items()
        if isinstance(stage, dict) and all(isinstance(stage.get(key), int | float) for key in _STAGE)
    ]
    total = sum(row["ms"] for row in rows) or 1.0
    return [{**row, "share": round(100 * row["ms"] / total, 1)} for row in rows]
