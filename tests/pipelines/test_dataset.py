"""`vitrine dataset` on a data folder of a few small photos."""

import json
import shutil
import warnings
from pathlib import Path

import apache_beam as beam
import cv2
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from apache_beam.options.pipeline_options import PipelineOptions

from models.data.analysis import CLIP, INPUT, OUTPUT
from models.data.parts import CLEAN, PARTS, TRAINING, UNLABELLED, Source, part_of, sources
from models.data.schema import FIELDS, SPEC
from models.data.shards import LeftOut, Place, write_shard
from models.references import Reference
from models.scalars import SCALARS
from pipelines.cli import main
from transforms.training_data import WriteRecords

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*-*.jpg"))


def skus(each=2):
    """Names of SKUs, so many of each clean part."""
    names = [f"sku{number}" for number in range(100)]
    part = {name: part_of(Reference(Path(f"{name}-red.png"), "studio", f"studio/{name}")) for name in names}
    return [name for wanted in CLEAN for name in [n for n in names if part[n] == wanted][:each]]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for place in ("references/studio", "human-rated", "uploads"):
        (folder / place).mkdir(parents=True)
    rng = np.random.default_rng(0)

    def put(place):
        pixels = cv2.imread(str(SAMPLES[rng.integers(len(SAMPLES))]))
        top, left = rng.integers(0, 100, 2)
        cv2.imwrite(str(folder / place), pixels[top : top + 120, left : left + 120])

    for sku in skus():
        put(f"references/studio/{sku}-red.png")
    for number in range(5):
        put(f"human-rated/{number}.png")
        put(f"uploads/{number}.jpg")
    rows = "\n".join(f"{number}.png,{40 + number},10" for number in range(5))
    (folder / "human-rated/mos.csv").write_text(f"file,mos,std\n{rows}\n")
    rows = "\n".join(f"{number}.jpg,seller{number},shirt" for number in range(5))
    (folder / "uploads/uploads.csv").write_text(f"file,seller_id,category\n{rows}\n")
    return folder


@pytest.fixture(scope="module")
def out(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "records"
    assert main(["dataset", "-o", str(folder), "--data", str(data), "--shards", "2", "--run-workers", "1"]) == 0
    return folder


def read(folder, part):
    files = sorted(map(str, folder.glob(f"{part}-*.tfrecord")))
    return [tf.io.parse_single_example(record, SPEC) for record in tf.data.TFRecordDataset(files)]


@pytest.mark.timeout(600)
def test_every_part_is_written_and_no_group_is_in_two(out):
    told = json.loads((out / "dataset.json").read_text())
    groups = {}
    for part in PARTS:
        records = read(out, part)
        assert len(records) == told["parts"][part]["records"] > 0
        for record in records:
            assert record["part"].numpy().decode() == part
            assert groups.setdefault(record["group"].numpy(), part) == part
    assert told["scalars"] == list(SCALARS) and not told["left_out"]
    assert sorted(told["files"]) == sorted(path.name for path in out.glob("*.tfrecord"))


def test_the_transform_is_learnt_on_the_training_part_alone(out):
    rows = np.stack([record["scalars"].numpy() for record in read(out, TRAINING)])
    transform = tft.TFTransformOutput(str(out / "transform"))
    standard = transform.transform_raw_features({INPUT: tf.constant(rows)})[OUTPUT].numpy()
    count = len(SCALARS)
    with warnings.catch_warnings(action="ignore"):  # a measure that no photo offers has no mean
        mean, deviation = np.nanmean(rows.astype(np.float64), 0), np.nanstd(rows.astype(np.float64), 0)
    expected = np.nan_to_num(np.clip((rows - mean) / np.maximum(deviation, 1e-4), -CLIP, CLIP))
    np.testing.assert_allclose(standard[:, :count], expected, atol=1e-4)
    np.testing.assert_array_equal(standard[:, 2 * count :], ~np.isnan(rows))
    below = standard[:, count : 2 * count]
    assert below.min() >= 0 and below.max() <= 1 and np.isfinite(standard).all()


def test_the_transforms_graph_is_the_same_in_litert_with_built_in_operations_alone(out):
    from ai_edge_litert.interpreter import Interpreter

    rows = np.concatenate([[record["scalars"].numpy() for record in read(out, part)] for part in PARTS[:3]])
    transform = tft.TFTransformOutput(str(out / "transform"))
    run = tf.function(
        lambda scalars: transform.transform_raw_features({INPUT: scalars})[OUTPUT],
        input_signature=[tf.TensorSpec([1, len(SCALARS)], tf.float32, name=INPUT)],
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([run.get_concrete_function()])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    litert = Interpreter(model_content=converter.convert())
    litert.allocate_tensors()
    for row in rows[::7]:
        litert.set_tensor(litert.get_input_details()[0]["index"], row[None])
        litert.invoke()
        np.testing.assert_allclose(
            litert.get_tensor(litert.get_output_details()[0]["index"]), run(row[None]), atol=1e-5
        )


def test_the_same_photos_and_seed_give_the_same_records_whatever_the_threads(data, out, tmp_path):
    threads = PipelineOptions(
        ["--runner=FnApiRunner", "--direct_running_mode=multi_threading", "--direct_num_workers=2"]
    )
    with beam.Pipeline(options=threads) as pipeline:
        _ = pipeline | beam.Create(sources(data, 0)) | WriteRecords(str(tmp_path), 2, 0)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in out.glob("*.tfrecord")}
    for part in PARTS:
        for before, after in zip(read(out, part), read(tmp_path, part), strict=True):
            for name, spec in SPEC.items():
                one, other = (v.values if isinstance(v, tf.SparseTensor) else v for v in (before[name], after[name]))
                if spec.dtype == tf.float32:
                    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=name)
                else:
                    np.testing.assert_array_equal(one, other, err_msg=name)


def test_a_photo_that_cannot_be_read_is_left_out_and_named(data, tmp_path):
    odd, fine = tmp_path / "odd.jpg", next((data / "uploads").glob("*.jpg"))
    odd.write_bytes(b"no photo")
    photos = [Source(path, "uploads", f"uploads/{path.stem}", UNLABELLED) for path in (odd, fine)]
    ended = list(write_shard(Place(UNLABELLED, 0, 1), photos, str(tmp_path), 0))
    assert [(left.name, left.code) for left in ended if isinstance(left, LeftOut)] == [
        ("uploads/odd.jpg", "not_an_image")
    ]
    assert len(read(tmp_path, UNLABELLED)) == 1 and not list(tmp_path.glob("*.part"))


def test_a_file_in_two_parts_stops_the_run_with_a_sentence(data, tmp_path, capsys):
    odd = tmp_path / "data"
    shutil.copytree(data, odd)
    shutil.copy(next((odd / "references/studio").iterdir()), odd / "uploads/0.jpg")
    assert main(["dataset", "-o", str(tmp_path / "out"), "--data", str(odd)]) == 2
    assert "must share none" in capsys.readouterr().err


def test_the_page_describes_every_field():
    page = (Path(__file__).parents[2] / "docs/training-data.md").read_text("utf-8")
    for field in FIELDS:
        assert f"| `{field.name}` | {field.holds} | {field.meaning} |" in page
