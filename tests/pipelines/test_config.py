import argparse
import dataclasses
import json

import pytest

from pipelines import config
from pipelines.config import Config, config_digest, load, settings
from transforms.errors import UserError


def parsed(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    config.add_setting_flags(parser)
    return parser.parse_args(argv)


def test_flags_win_over_the_environment_which_wins_over_the_file(tmp_path):
    file = tmp_path / "vitrine.toml"
    file.write_text("[run]\nworkers = 3\nepoch_photos = 7\nbatch_photos = 5\n")
    environment = {"VITRINE_RUN_WORKERS": "4", "VITRINE_RUN_EPOCH_PHOTOS": "8"}
    loaded = load(parsed("--config", str(file), "--run-workers", "9"), environment)
    assert (loaded.run.workers, loaded.run.epoch_photos, loaded.run.batch_photos) == (9, 8, 5)
    assert loaded.sources["run.workers"] == "--run-workers"
    assert loaded.sources["run.epoch_photos"] == "VITRINE_RUN_EPOCH_PHOTOS"
    assert loaded.sources["run.batch_photos"] == str(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[run]\nworkres = 3\n", "run.workres; did you mean run.workers"),
        ("[rum]\nworkers = 3\n", "did you mean run.workers"),
        ("workers = 3\n", "outside a section"),
        ("[run]\nworkers = 1.5\n", "whole number"),
        ("[run]\nworkers = true\n", "whole number"),
        ('[decode]\ntimeout_s = "soon"\n', "a number in s"),
        ("[decode]\ntimeout_s = nan\n", "a number in s"),
        ("[run\n", "not valid TOML"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(tmp_path, text, said):
    file = tmp_path / "vitrine.toml"
    file.write_text(text)
    with pytest.raises(UserError, match=r"vitrine\.toml") as raised:
        load(parsed("--config", str(file)), {})
    assert said in str(raised.value)


def test_an_unknown_variable_is_refused_by_name():
    with pytest.raises(UserError, match=r"VITRINE_RUN_WORKES.*did you mean VITRINE_RUN_WORKERS"):
        load(None, {"VITRINE_RUN_WORKES": "2"})


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        load(parsed("--config", str(tmp_path / "none.toml")), {})


def test_the_digest_covers_what_decides_and_nothing_else():
    plain = config_digest(Config())
    for item in settings(Config()):
        section, name = item.name.split(".")
        if isinstance(item.value, bool) or not isinstance(item.value, int | float):
            continue
        part = dataclasses.replace(getattr(Config(), section), **{name: item.value + 1})
        changed = config_digest(dataclasses.replace(Config(), **{section: part}))
        assert (changed != plain) == item.decides, item.name


def test_every_setting_has_unit_reason_and_round_trips_through_a_flag():
    names = set()
    for item in settings(Config()):
        assert item.why, item.name
        names.add(item.name)
        text = ",".join(map(str, item.value)) if isinstance(item.value, tuple) else str(item.value)
        text = text.lower() if isinstance(item.value, bool) else text
        if item.secret or item.value is None:
            continue
        again = load(parsed(f"--{item.name.replace('.', '-').replace('_', '-')}={text}"), {})
        section, name = item.name.split(".")
        assert getattr(getattr(again, section), name) == item.value
    assert len(names) > 20


def test_config_prints_every_setting_with_its_source(capsys):
    loaded = load(parsed("--run-workers", "3"), {})
    assert config.run(argparse.Namespace(json=True, toml=False), loaded) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["settings"]["run.workers"] == {
        "value": 3,
        "unit": "threads",
        "source": "--run-workers",
        "decides": False,
    }
    assert config.run(argparse.Namespace(json=False, toml=False), loaded) == 0
    text = capsys.readouterr().out
    assert all(item.name in text for item in settings(loaded))


def test_the_file_to_begin_with_loads_to_the_same_settings(tmp_path, capsys):
    loaded = load(parsed("--run-workers", "3"), {})
    assert config.run(argparse.Namespace(json=False, toml=True), loaded) == 0
    file = tmp_path / "vitrine.toml"
    file.write_text(capsys.readouterr().out)
    assert load(parsed("--config", str(file)), {}) == loaded
