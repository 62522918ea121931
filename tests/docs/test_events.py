"""The page about inputs names what the code knows, and nothing that it does not."""

import dataclasses
import re
from pathlib import Path

from transforms.events.fields import KNOWN
from transforms.fetch import FetchSettings
from transforms.imaging.codec.limits import DecodeLimits
from transforms.reasons import REFUSALS
from transforms.sources.manifest import ENDINGS
from transforms.sources.names import InputSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"`([^`\n]+)`", PAGE))


def test_every_known_field_and_ending_is_named() -> None:
    assert set(KNOWN) <= WORDS
    assert set(ENDINGS) <= WORDS


def test_every_setting_that_is_named_exists() -> None:
    sections = {"input": InputSettings, "fetch": FetchSettings, "decode": DecodeLimits}
    named = {word for word in WORDS if re.fullmatch(r"(input|fetch|decode)\.[a-z_]+", word)}
    assert len(named) > 5
    for word in named:
        section, _, name = word.partition(".")
        assert name in {field.name for field in dataclasses.fields(sections[section])}, word


def test_every_code_that_is_named_exists() -> None:
    for code in (
        "not_an_image",
        "not_found",
        "is_directory",
        "bad_manifest_row",
        "bad_event",
        "forbidden_location",
        "changed",
    ):
        assert code in WORDS and code in REFUSALS
