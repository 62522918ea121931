import json

import numpy as np
import tensorflow as tf

from models.export import halved
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


def test_halving_changes_no_number_and_saves_half_where_it_can():
    rng = np.random.default_rng(0)
    exact = rng.normal(size=(40, 50)).astype(np.float16).astype(np.float32)
    inexact = rng.normal(size=(40, 50)).astype(np.float32)
    whole = graph_of(exact, inexact)
    half = halved(whole)
    for before, after in zip((exact, inexact), values(half, 2), strict=True):
        assert after.dtype == np.float32 and np.array_equal(before, after)
    assert 0.7 * whole.ByteSize() < half.ByteSize() < 0.8 * whole.ByteSize()


def test_the_shipped_files_are_those_that_the_card_describes_and_small():
    card = json.loads((SHIPPED / CARD).read_text("utf-8"))
    for form, name in FILES.items():
        assert digest(SHIPPED / name) == card["digests"][form]
        size = sum(f.stat().st_size for f in [SHIPPED / name, *(SHIPPED / name).rglob("*")] if f.is_file())
        assert size <= 20e6, form
