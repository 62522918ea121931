"""Array libraries keep to the calling thread."""

import subprocess
import sys

ASKED = """
import ctypes
from pathlib import Path
import cv2
import numpy as np
from transforms.one_core import work_on_one_core
folder = Path(np.__file__).parent.with_name("numpy.libs")
threads = [ctypes.CDLL(str(file)).scipy_openblas_get_num_threads64_ for file in folder.glob("libscipy_openblas64_*")]
assert threads, "NumPy has no OpenBLAS of its own here: look for the name of its library"
cv2.setNumThreads(2)
work_on_one_core()
print(cv2.getNumThreads(), *(number() for number in threads))
"""


def test_opencv_and_numpy_are_left_one_thread():
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"1"}
