"""`docs/verdicts.md` gives the points that the code has."""

import dataclasses
from pathlib import Path

from transforms.imaging.policy import Thresholds

PAGE = Path(__file__).parents[3] / "docs" / "verdicts.md"


def test_the_page_lists_every_threshold_as_it_is():
    points = Thresholds()
    declared = []
    for field in dataclasses.fields(points):
        shown, acted, severe = getattr(points, field.name)
        unit, why = field.metadata["unit"], field.metadata["why"]
        declared.append(f"| `thresholds.{field.name}` | {shown:g} | {acted:g} | {severe:g} | {unit} | {why} |")
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("| `thresholds.")] == declared
