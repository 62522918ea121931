"""`run.json`: what the last run did, with what, and how long each stage took."""

import dataclasses
import json
import platform
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from models.scorer import Scorer
from pipelines.config import Config, config_digest
from pipelines.tally import Tally
from transforms.records import Maker
from transforms.sinks.output import Output
from transforms.sinks.whole import write_whole
from transforms.sources.read import describe_left_out

NAME = "run.json"
LIBRARIES = ("apache-beam", "tensorflow", "ai-edge-litert", "opencv-python-headless", "pillow", "numpy", "deltalake")


def maker(config: Config, model: Scorer) -> Maker:
    """Name what judges: program, model and form, settings."""
    return Maker(version("vitrine"), model.version, model.form, config_digest(config))


def summary(source: str, output: str, began: datetime, seconds: float, tally: Tally, made_by: Maker) -> dict[str, Any]:
    """Return the run as one JSON object: counts, versions, and for each stage its photos and milliseconds of one core."""
    done = tally.records + tally.refused
    return {
        "input": source,
        "output": output,
        "began": began.isoformat(timespec="seconds"),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "photos_per_second": round(done / seconds, 2),
        "records": tally.records,
        "verdicts": dict(sorted(tally.verdicts.items())),
        "dead_letters": dict(sorted(tally.dead_letters.items())),
        "stages": {
            stage: {
                "photos": tally.calls[stage],
                "core_ms": round(total * 1e3, 1),
                "core_ms_per_photo": round(total * 1e3 / max(tally.calls[stage], 1), 2),
            }
            for stage, total in tally.seconds.items()
        },
        "versions": {
            **dataclasses.asdict(made_by),
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES},
        },
    }


def write(output: Output, run: dict[str, Any]) -> None:
    """Write it, whole.

    Raises:
        UserError: the output cannot be written.
    """
    write_whole(output, NAME, json.dumps(run, indent=2, ensure_ascii=False).encode("utf-8"), "application/json")


def text(run: dict[str, Any]) -> str:
    """Say a run's outcome in a few lines."""
    total = run["records"] + sum(run["dead_letters"].values())
    lines = [f"{total} photos in {run['seconds']:.1f} s ({run['photos_per_second']:.1f}/s) → {run['output']}"]
    lines += [f"  {name:<10}{count:>8}" for name, count in run["verdicts"].items()]
    if run["dead_letters"]:
        codes = ", ".join(f"{code} {count}" for code, count in run["dead_letters"].items())
        lines.append(f"  {'refused':<10}{sum(run['dead_letters'].values()):>8}  ({codes})")
    if run["already_finished"]:
        lines.append(f"  finished before: {run['already_finished']}; --again judges them once more")
    if run.get("repeated"):
        lines.append(f"  named more than once: {run['repeated']} further lines; each version of a photo is judged once")
    if run["left_out"]:
        lines.append(f"  {describe_left_out(Counter(run['left_out']))}")
    return "\n".join(lines)
