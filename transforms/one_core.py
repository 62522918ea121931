"""Keep the array libraries to the thread that calls them: photos are what is done side by side, one on each core.

Threads of their own would take the cores from the other photos, and OpenBLAS's spin while they wait for the next product: they
spent a quarter of a run's core time.
"""

import contextlib
import ctypes
from pathlib import Path

import cv2
import numpy as np


def work_on_one_core() -> None:
    """Turn off the threads of OpenCV and of NumPy's own OpenBLAS, for the whole process; another BLAS is left as it is."""
    cv2.setNumThreads(1)
    for library in Path(np.__file__).parent.with_name("numpy.libs").glob("libscipy_openblas64_*"):
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(str(library)).scipy_openblas_set_num_threads64_(1)
