"""A photo that kills its process: the next run decodes it where it can do no harm, in assessing and in mending."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from transforms.imaging.codec.journal import DEATHS_TO_POISON, Journal

WORK = """
import dataclasses, os, sys
from pathlib import Path
from transforms import steps
from transforms.case import Case
from transforms.errors import RefusalError
from transforms.imaging.codec import decode
from transforms.imaging.types import Judgement, Reason
from transforms.records import ImageEvent

deadly, journal, photo = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
event, rules = ImageEvent(event_id="photo", uri=photo.as_uri(), generation="1"), steps.Rules()
here = decode._decode_fast

def crash(*arguments):
    os.abort()

try:
    if deadly == "decoding to assess":
        decode._decode_fast = crash
    case = steps.assess(Case(event, photo.read_bytes()), rules, journal)
    decode._decode_fast = crash if deadly == "decoding to mend" else here
    if deadly == "mending":
        steps.optimize = crash
    judgement = Judgement("improve", None, (Reason("too_dark", 1.0, amount=1.5),), mend=("too_dark",))
    case = dataclasses.replace(case, judgement=judgement)
    steps.mend(case, rules, journal)
    print("done")
except RefusalError as refusal:
    print(refusal.code)
"""


def run(deadly: str, folder: Path) -> str:
    """Assess and mend a dark photo, one step of which is deadly in that process. Return what was said, "" for a death."""
    photo = folder / "photo.jpg"
    if not photo.exists():
        lit = np.random.default_rng(0).integers(0, 90, (300, 300, 3), np.uint8)
        out = io.BytesIO()
        Image.fromarray(lit).resize((600, 600)).save(out, "JPEG", quality=95)
        photo.write_bytes(out.getvalue())
    command = [sys.executable, "-c", WORK, deadly, folder / "journal", photo]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -6), done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("deadly", ["decoding to assess", "decoding to mend"])
def test_what_kills_the_decoder_here_is_decoded_elsewhere_the_next_time(tmp_path: Path, deadly: str) -> None:
    assert run(deadly, tmp_path) == ""
    assert Journal(tmp_path / "journal").suspects() == {"photo": 1}
    assert run(deadly, tmp_path) == "done"
    assert Journal(tmp_path / "journal").suspects() == {}


def test_what_kills_wherever_it_is_decoded_is_poison(tmp_path: Path) -> None:
    for deaths in range(1, DEATHS_TO_POISON + 1):
        assert run("mending", tmp_path) == ""
        assert Journal(tmp_path / "journal").suspects() == {"photo": deaths}
    assert run("mending", tmp_path) == "poison"
    Journal(tmp_path / "journal").clear("photo")
    assert run("nothing", tmp_path) == "done"
