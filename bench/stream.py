"""How long from a message to its verdict, how fast a backlog goes, and whether one slow host holds the others up.

    python -m bench.stream FOLDER [--photos 400] [--rounds 3] [--load .7] [--slow-s 20]

Starts a Kafka broker of its own (Java, Maven: see tests/servers), publishes file:// events of the photos of a folder,
each with bytes of its own at the end so that no two are equal, and reads the verdicts from the results topic. The rate is
measured by turns with `vitrine batch` on the same photos, as other work on the machine changes both.
"""

import argparse
import contextlib
import http.server
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

ROOT = Path(__file__).parents[1]
VITRINE = [sys.executable, "-m", "pipelines.cli"]
WARM = 20
sys.path.insert(0, str(ROOT / "tests" / "servers"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3, help="backlogs, each followed by a batch of the same photos")
    parser.add_argument(
        "--load", type=float, default=0.7, help="share of the backlog's rate at which photos are published"
    )
    parser.add_argument("--slow-s", type=float, default=20.0, help="after so long the slow host answers")
    parser.add_argument("--slow-share", type=float, default=0.1, help="photos of the slow host for each of the others")
    args = parser.parse_args()

    from kafka_broker import Broker, jars

    with tempfile.TemporaryDirectory() as place:
        broker = Broker(jars(ROOT / ".cache" / "servers"), Path(place) / "kafka")
        try:
            _measure(broker, args, Path(place))
        finally:
            broker.kill()


def _measure(broker, args: argparse.Namespace, place: Path) -> None:
    names = [broker.make_topic(f"t{uuid.uuid4().hex[:6]}", 1) for _ in range(2)]
    photos = _copies(args.folder, place / "photos", (2 + args.rounds) * args.photos + WARM)
    slow = _SlowHost(photos[0].read_bytes(), args.slow_s)
    command = [*VITRINE, "stream", "--quiet", "--output", str(place / "out")]
    command += ["--source", f"kafka://{broker.address}/{names[0]}", "--results", f"kafka://{broker.address}/{names[1]}"]
    command += ["--fetch-file-roots", str(place / "photos"), "--fetch-private-hosts", slow.place]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        while "watching" not in (line := process.stderr.readline()):
            assert line, "the stream ended"
        reader = _Reader(broker, names[1])
        warm, live, beside, *backlogs = (photos[at : at + args.photos] for at in _parts(args.photos, args.rounds))
        _publish(broker, names[0], warm[:WARM], None)
        reader.read(warm[:WARM])

        rates = [_rates(broker, names[0], reader, backlog, place, process.pid) for backlog in backlogs]
        rate = statistics.median(one for one, *_ in rates)
        by_clock, by_core = (
            statistics.median(ratios)
            for ratios in zip(*((one / batch, b / a) for one, batch, a, b in rates), strict=True)
        )
        print(
            f"rate against batch, median of {len(rates)}: {by_clock:.2f}; by the time on the cores: {by_core:.2f}",
            flush=True,
        )

        wanted = args.load * rate
        alone = _latencies(broker, names[0], reader, live, wanted)
        print(f"at {wanted:.1f} photos/s: {_shown(alone)} (publish → verdict read from the results topic)")
        some = [f"http://{slow.place}/{number}.jpg" for number in range(int(args.slow_share * len(beside)))]
        others = _latencies(broker, names[0], reader, beside, wanted, some)
        ratio = _percentile(others, 95) / _percentile(alone, 95)
        print(
            f"with {len(some)} more of a host that answers in {args.slow_s:.0f} s: {_shown(others)}; p95 {ratio:.2f} of before"
        )
        with Path("/proc/loadavg").open() as file:
            print(f"load average of the machine: {file.read().split()[0]}")
    finally:
        process.terminate()
        process.wait(60)


def _parts(photos: int, rounds: int) -> list[int]:
    return [0, *(WARM + number * photos for number in range(2 + rounds))]


def _rates(broker, topic: str, reader, backlog: list[Path], place: Path, pid: int) -> tuple[float, float, float, float]:
    """Return photos a second of the stream and of a batch on a backlog, and core-milliseconds a photo of each."""
    began, core = time.monotonic(), _core_s(pid)
    _publish(broker, topic, backlog, None)
    reader.read(backlog)
    rate = len(backlog) / (time.monotonic() - began)
    core_ms = (_core_s(pid) - core) / len(backlog) * 1e3
    batch, batch_ms = _batch(backlog, place)
    print(
        f"backlog of {len(backlog)}: {rate:.1f} photos/s, {core_ms:.0f} core-ms a photo; "
        f"vitrine batch on the same photos, without its start: {batch:.1f} photos/s, {batch_ms:.0f} core-ms",
        flush=True,
    )
    return rate, batch, core_ms, batch_ms


def _latencies(broker, topic: str, reader, photos: list[Path], rate: float, slow: Sequence[str] = ()) -> list[float]:
    """Publish at a steady rate, some of the slow host spread among the others; return the others' latencies, sorted."""
    sent = _publish(broker, topic, photos, rate, reader, slow)
    return sorted(at - sent[uri] for uri, at in reader.read(photos).items())


def _percentile(latencies: list[float], percent: int) -> float:
    return latencies[len(latencies) * percent // 100]


def _shown(latencies: list[float]) -> str:
    return ", ".join(f"p{p} {_percentile(latencies, p):.2f} s" for p in (50, 95, 99))


class _SlowHost:
    """Answers every request with one photo, after a while."""

    def __init__(self, photo: bytes, wait_s: float):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                time.sleep(wait_s)
                with contextlib.suppress(OSError):
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(photo)))
                    self.end_headers()
                    self.wfile.write(photo)

            def log_message(self, *given: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.place = f"127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()


def _batch(photos: list[Path], place: Path) -> tuple[float, float]:
    """Return photos a second and core-milliseconds a photo of a batch over the same files, less what one photo alone takes."""
    manifest, output = place / "photos.csv", place / "batch"
    seconds, cores = [], []
    for some in (photos[:1], photos):
        manifest.write_text("uri\n" + "".join(f"{photo}\n" for photo in some))
        shutil.rmtree(output, ignore_errors=True)
        core = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [*VITRINE, "batch", "--quiet", "--input", manifest, "--output", output],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        cores.append(spent.ru_utime - core.ru_utime + spent.ru_stime - core.ru_stime)
        seconds.append(json.loads((output / "run.json").read_text())["seconds"])
    more = len(photos) - 1
    return more / (seconds[1] - seconds[0]), (cores[1] - cores[0]) / more * 1e3


def _core_s(pid: int) -> float:
    """Return the seconds that a process has spent on the cores."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _copies(folder: Path, place: Path, count: int) -> list[Path]:
    originals = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    place.mkdir()
    copies = []
    for number in range(count):
        copy = place / f"{number}.jpg"
        shutil.copyfile(originals[number % len(originals)], copy)
        with copy.open("ab") as file:
            file.write(b"%d" % number)
        copies.append(copy)
    return copies


def _publish(
    broker, topic: str, photos: list[Path], rate: float | None, reader=None, slow: Sequence[str] = ()
) -> dict[str, float]:
    """Return when each photo was published, by its URI."""
    producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 1})
    sent, began, left = {}, time.monotonic(), list(slow)
    every = len(photos) / max(1, len(left))
    for number, photo in enumerate(photos):
        while rate and (pause := began + number / rate - time.monotonic()) > 0:
            reader.poll(min(pause, 0.01))
        if left and number >= every * (len(slow) - len(left)):
            producer.produce(topic, json.dumps({"uri": left.pop()}).encode())
        uri = photo.as_uri()
        sent[uri] = time.monotonic()
        producer.produce(topic, json.dumps({"uri": uri}).encode())
        producer.poll(0)
    producer.flush(30)
    return sent


class _Reader:
    """Notes when each answer was there to be read."""

    def __init__(self, broker, topic: str):
        self._consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "bench", "fetch.wait.max.ms": 10})
        self._consumer.assign([TopicPartition(topic, 0, 0)])
        self._found: dict[str, float] = {}

    def poll(self, wait_s: float) -> None:
        while (message := self._consumer.poll(wait_s)) is not None:
            if message.error() is None:
                self._found.setdefault(message.key().decode(), time.monotonic())
            wait_s = 0

    def read(self, photos: list[Path], wait_s: float = 600) -> dict[str, float]:
        """Wait for the answers of these photos; return when each came, by its URI."""
        uris, deadline = {photo.as_uri() for photo in photos}, time.monotonic() + wait_s
        while left := uris - self._found.keys():
            self.poll(0.01)
            assert time.monotonic() < deadline, f"{len(left)} of {len(uris)} answers are missing"
        return {uri: self._found.pop(uri) for uri in uris}


if __name__ == "__main__":
    main()
