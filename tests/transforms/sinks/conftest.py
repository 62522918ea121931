"""An output with tables; `sink_rows` beside this file makes the rows."""

import sys
from pathlib import Path

import pytest

from transforms.sinks.output import open_output
from transforms.sinks.tables import Tables

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def output(tmp_path):
    return open_output(str(tmp_path / "out"))


@pytest.fixture
def tables(output):
    opened = Tables(output)
    yield opened
    opened.close()
