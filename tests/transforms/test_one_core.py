"""Array libraries keep to the calling thread."""

import os
import subprocess
import sys

import pytest

PRODUCTS = """
import time
import numpy as np
from transforms.one_core import work_on_one_core
{call}
matrix = np.ones((900, 900), np.float32)
matrix @ matrix
process, thread = time.process_time(), time.thread_time()
for _ in range(20):
    matrix @ matrix
print((time.process_time() - process) / (time.thread_time() - thread))
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_a_product_of_matrices_costs_no_other_thread_anything():
    done = subprocess.run(
        [sys.executable, "-c", PRODUCTS.format(call="work_on_one_core()")], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 1.2
