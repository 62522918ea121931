"""`vitrine stream` as a person runs it: on a watched folder, with the real graph, killed and stopped."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent / "streaming"))

from stream_parts import table_rows

from pipelines import cli
from transforms.sinks.output import Output

COMMAND = [sys.executable, "-m", "pipelines.cli", "stream"]


def save(folder, *numbers):
    folder.mkdir(exist_ok=True)
    for number in numbers:
        random = np.random.default_rng(number)
        pixels = np.clip(random.normal(200, 12, (160, 120, 3)), 0, 255).astype(np.uint8)
        part = folder / f".{number}"
        Image.fromarray(pixels).save(part, "JPEG")
        part.rename(folder / f"{number}.jpg")


def start(inbox, output, results):
    process = subprocess.Popen(
        [*COMMAND, "--source", f"dir://{inbox}", "--output", str(output), "--results", str(results)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    while "watching" not in (said := process.stderr.readline()):
        assert said, "it ended"
    return process


def answers(results):
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def until(condition, wait_s=60):
    deadline = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.timeout(240)
def test_photos_are_judged_as_they_come_across_a_kill_and_a_stop(tmp_path):
    inbox, output, results = tmp_path / "inbox", tmp_path / "out", tmp_path / "verdicts.jsonl"
    save(inbox, 1, 2)
    process = start(inbox, output, results)
    until(lambda: len(answers(results)) >= 2)
    save(inbox, *range(3, 13))
    time.sleep(0.6)
    process.kill()
    process.wait()

    save(inbox, 13)
    (inbox / "14.jpg").write_text("no photo")
    (inbox / "copy.jpg").write_bytes((inbox / "1.jpg").read_bytes())
    process = start(inbox, output, results)
    until(lambda: len({answer["uri"] for answer in answers(results)}) == 15)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0

    rows, letters = table_rows(Output(str(output))), table_rows(Output(str(output)), "dead_letters")
    assert max(Counter(row["uri"] for row in rows + letters).values()) == 1
    assert [letter["code"] for letter in letters] == ["not_an_image"]
    (copy,) = [row for row in rows if row["uri"].endswith("copy.jpg")]
    (first,) = [row for row in rows if row["uri"].endswith("/1.jpg")]
    assert copy["duplicate_of"] == first["event_id"] and copy["score"] == first["score"]
    summary = json.loads((output / "run.json").read_text())
    assert summary["already_finished"] >= 2 and summary["latency_s"]["p50"] > 0


def test_a_second_signal_ends_it_at_once():
    script = (
        "import time; from pipelines import stream; stream._stop_on_signals(); print(1, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 143


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--source", "inbox"], "write dir://inbox"),
        (["--source", "dir://nowhere"], "there is no folder"),
        (["--source", "ftp://x/y"], "ftp:// is not known"),
        (["--source", "kafka://x/y"], "is no HOST:PORT"),
        (["--source", "pubsub://x"], "write pubsub://PROJECT/SUBSCRIPTION"),
        (["--source", "dir://.", "--results", "redis://x"], "redis:// is not known"),
        (["--source", "dir://.", "--dead-letters", "redis://x"], "--dead-letters redis:// is not known"),
        (["--source", "dir://.", "--kafka-config", "nowhere"], "--kafka-config nowhere cannot be read"),
        (["--source", "dir://.", "--stream-fetchers", "0"], "fetchers must be at least 1"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence_before_anything_is_made(tmp_path, capsys, monkeypatch, argv, said):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["stream", "--output", "out", *argv]) == 2
    message = capsys.readouterr().err
    assert said in message and message.count("\n") == 1
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--source", "dir://."], "on Flink only Kafka is read"),
        (["--source", "kafka://h:1/t", "--results", "file.jsonl"], "answers go to Kafka or nowhere"),
        (["--source", "kafka://h:1/t", "--dead-letters", "pubsub://p/t"], "--dead-letters pubsub://p/t works without"),
        (["--source", "kafka://h:1/t", "--metrics-port", "1"], "leave out --metrics-port"),
    ],
)
def test_what_flink_does_not_do_is_told(tmp_path, capsys, argv, said):
    assert cli.main(["stream", "--output", str(tmp_path / "out"), "--runner", "flink://127.0.0.1:1", *argv]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("flink://host", "is no job server"),
        ("spark://host:1", "is no job server"),
        ("flink://127.0.0.1:1", "no job server answers at 127.0.0.1:1"),
        ("flink://127.0.0.1:1?savepoint=x", "savepoint is not known"),
    ],
)
def test_a_wrong_cluster_is_told(text, said):
    from pipelines.streaming.flink import parse_flink
    from transforms.errors import UserError

    with pytest.raises(UserError, match=said):
        parse_flink(text)
