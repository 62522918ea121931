"""`docs/measures.md` says what the code says."""

from pathlib import Path

from transforms.imaging.measures import FAMILIES

PAGE = Path(__file__).parents[4] / "docs" / "measures.md"


def test_the_page_lists_every_measure_as_it_is_declared_and_no_other():
    declared = [
        f"| `{m.name}` | `{family.__name__.rsplit('.', 1)[1]}.py` | {m.unit} | {m.low:g} to {m.high:g} | {m.meaning} | {m.source} |"
        for family in FAMILIES
        for m in family.MEASURES
    ]
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("| `")] == declared
