"""A folder in which permissions count, also where the tests run as root."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="vitrine-unprivileged-"))
    nobody = 65534
    if os.geteuid() == 0:
        os.chown(folder, nobody, nobody)
        os.seteuid(nobody)
        try:
            folder.stat()
            (folder / "x").mkdir()
        except PermissionError:
            os.seteuid(0)
            pytest.skip(f"{folder.parent} is closed to other users")
    try:
        yield folder
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        for path in [folder, *folder.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(folder)
