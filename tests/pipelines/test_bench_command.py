import cv2
import numpy as np
import pytest

from bench.harm import Case, harms, tolerances, upper_bound
from bench.split import originals
from pipelines.cli import main


def case(defect: str, before: float, after: float | None, encoded: float = 0.0) -> Case:
    names = ("mdsi", "haarpsi", "ciede2000")
    values = {} if after is None else dict.fromkeys(names, after)
    return Case(
        "f", "k", defect, 1.0, True, (), (), (), dict.fromkeys(names, before), values, dict.fromkeys(names, encoded)
    )


@pytest.mark.parametrize(("harmed", "acted", "bound"), [(0, 300, 0.00994), (1, 300, 0.0157), (4, 500, 0.0182)])
def test_the_bound_is_clopper_and_pearsons(harmed: int, acted: int, bound: float):
    assert upper_bound(harmed, acted) == pytest.approx(bound, abs=2e-4)


def test_nothing_acted_on_certifies_nothing():
    assert upper_bound(0, 0) == 1.0


def test_a_case_is_harmed_by_any_metric_beyond_its_tolerance():
    cases = [case("dark", 0.5, 0.4, 0.51), case("dark", 0.5, 0.52, 0.51), case("dark", 0.5, 0.505, 0.51)]
    allowed = tolerances(cases)
    assert allowed["mdsi"] == pytest.approx(0.01)
    assert [bool(harms(one, allowed)) for one in cases] == [False, True, False]


def test_no_source_is_in_both_parts(tmp_path):
    studio = tmp_path / "references" / "studio"
    studio.mkdir(parents=True)
    for sku in range(40):
        for view in ("front", "back"):
            (studio / f"sku{sku}-{view}.jpg").touch()
    found = originals(tmp_path)
    parts = {source: {one.part for one in found if one.source == source} for source in {one.source for one in found}}
    assert all(len(part) == 1 for part in parts.values())
    assert 0.25 < np.mean([one.part == "tuning" for one in found]) < 0.75


@pytest.mark.parametrize("name", ["harm", "denoise", "deblur", "tone"])
def test_benches_say_when_there_is_nothing_to_measure(tmp_path, capsys, name: str):
    assert main(["bench", name, "--set", str(tmp_path)]) == 0
    assert "not measured" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["denoise", "deblur", "tone"])
def test_real_pairs_are_measured_where_there_are_some_and_what_is_no_pair_is_said(tmp_path, capsys, name: str):
    assert main(["bench", name, "--pairs", str(tmp_path / "none")]) == 0
    assert capsys.readouterr().out == "not measured: no pairs\n"
    rng = np.random.default_rng(4)
    for stem, side in (("a_real", 64), ("a_mean", 64), ("b_real", 64), ("b_mean", 48), ("c_real", 64)):
        cv2.imwrite(str(tmp_path / f"{stem}.png"), rng.integers(0, 255, (side, 64, 3), np.uint8))
    assert main(["bench", name, "--pairs", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("1 pairs of")
    assert "b_real.png: left out" in said.err and "c_real.png: left out" in said.err
