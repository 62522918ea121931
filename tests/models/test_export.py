import json

import numpy as np
import tensorflow as tf

from models import compact
from models.rounding import eighth
from models.scorer import CARD, FILES, SHIPPED, digest


def graph_of(*constants):
    with tf.Graph().as_default() as graph:
        for place, constant in enumerate(constants):
            tf.identity(tf.constant(constant, name=f"c{place}"), name=f"out{place}")
    return graph.as_graph_def()


def values(graph_def, count):
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        tf.import_graph_def(graph_def, name="")
        return session.run([f"out{place}:0" for place in range(count)])


def test_a_compact_graph_holds_the_same_numbers_in_fewer_bytes():
    rng = np.random.default_rng(0)
    steps, halves, odd = (rng.normal(size=(40, 50)).astype(np.float32) for _ in range(3))
    steps, halves = eighth(steps, 1), halves.astype(np.float16).astype(np.float32)
    whole = graph_of(steps, halves, odd)
    small = compact.graph(whole)
    for before, after in zip((steps, halves, odd), values(small, 3), strict=True):
        assert after.dtype == np.float32 and np.array_equal(before, after)
    assert (1 + 2 + 4) / 12 < small.ByteSize() / whole.ByteSize() < 0.65


def test_the_shipped_files_are_those_that_the_card_describes_and_small():
    card = json.loads((SHIPPED / CARD).read_text("utf-8"))
    for form, name in FILES.items():
        assert digest(SHIPPED / name) == card["digests"][form]
        size = sum(f.stat().st_size for f in [SHIPPED / name, *(SHIPPED / name).rglob("*")] if f.is_file())
        assert size <= (6e6 if form == "int8" else 20e6), form
