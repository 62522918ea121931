"""Write the tables of `data.md` that the code declares: `python docs/write_tables.py`."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from models.defects import DEFECTS
from transforms.imaging.measures import MEASURES
from transforms.reasons import NOTES, REASONS, REFUSALS

PAGE = Path(__file__).parent / "data.md"
_PART = re.compile(r"(<!-- (\w+): python docs/write_tables\.py -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def measures() -> Iterable[tuple[str, ...]]:
    """Return head and rows of the table of measures."""
    yield ("field", "unit", "range", "meaning", "source")
    for m in MEASURES:
        yield (f"`{m.name}`", m.unit, f"{m.low:g}..{m.high:g}", m.meaning, m.source)


def defects() -> Iterable[tuple[str, ...]]:
    """Return head and rows of the table of the model's defects."""
    yield ("field", "meaning")
    for name in DEFECTS:
        yield (f"`{name}`", f"probability that the photo has {name.replace('_', ' ')}, 0..1")


def reasons() -> Iterable[tuple[str, ...]]:
    """Return head and rows of the table of reasons."""
    yield ("code", "meaning", "`amount` in", "in the labelling rubric")
    for code, text in REASONS.items():
        yield (f"`{code}`", text.meaning, text.unit, text.rubric)


def notes() -> Iterable[tuple[str, ...]]:
    """Return head and rows of the table of notes."""
    yield ("note", "meaning")
    yield from ((f"`{code}`", meaning) for code, meaning in NOTES.items())


def refusals() -> Iterable[tuple[str, ...]]:
    """Return head and rows of the table of dead-letter codes."""
    yield ("code", "meaning")
    yield from ((f"`{code}`", meaning) for code, meaning in REFUSALS.items())


TABLES: dict[str, Callable[[], Iterable[tuple[str, ...]]]] = {
    "measures": measures,
    "defects": defects,
    "reasons": reasons,
    "notes": notes,
    "refusals": refusals,
}


def written(page: str) -> str:
    """Return the page with its declared tables as the code has them."""
    return _PART.sub(lambda part: part[1] + _markdown(TABLES[part[2]]()) + part[4], page)


def _markdown(rows: Iterable[tuple[str, ...]]) -> str:
    head, *body = rows
    lines = [head, ("---",) * len(head), *body]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
