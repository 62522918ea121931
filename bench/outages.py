"""A long run under load, with the broker stopped for a while and the results topic gone for a while: what is lost, and the memory.

    python -m bench.outages FOLDER --minutes 30 [--load .8] [--outage-s 30]

Starts a Kafka broker of its own (Java, Maven: see tests/servers) and publishes file:// events of the photos of a folder, each
with bytes of its own at the end: a backlog first, which tells the rate that the stream can sustain, then at a share of that rate.
After a third of the time the broker is killed and started again, after two thirds the results topic is deleted and made again.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from bench.stream import ROOT, VITRINE
from transforms.sinks.output import Output
from transforms.sinks.tables import DEAD_LETTERS, QUALITY, read_table

sys.path.insert(0, str(ROOT / "tests" / "servers"))
WARM_SHARE = 0.2
"""Share of the run that is not looked at for memory: caches fill."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument(
        "--load", type=float, default=0.8, help="share of the backlog's rate at which photos are published"
    )
    parser.add_argument("--backlog", type=int, default=400, help="photos whose rate is measured first")
    parser.add_argument("--outage-s", type=float, default=30)
    args = parser.parse_args()

    from kafka_broker import Broker, jars

    with tempfile.TemporaryDirectory() as place:
        broker = Broker(jars(ROOT / ".cache" / "servers"), Path(place) / "kafka")
        try:
            Run(broker, args, Path(place)).carry_out()
        finally:
            broker.kill()


class Run:
    """One run: what was sent, what was answered, and the memory, a sample a second."""

    def __init__(self, broker: Any, args: argparse.Namespace, place: Path):
        self.broker, self.args, self.output = broker, args, Output(str(place / "out"))
        self.photos = place / "photos"
        self.photos.mkdir()
        self.originals = sorted(path for path in args.folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
        self.events, self.verdicts = (broker.make_topic(f"t{uuid.uuid4().hex[:6]}", 1) for _ in range(2))
        self.sent: dict[str, float] = {}
        self.answered: dict[str, float] = {}
        self.rate = 0.0
        self.memory: list[float] = []
        self.said: list[str] = []
        self.producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 1, "log_level": 0})
        self.reader = self._reader()

    def carry_out(self) -> None:
        """Run, and print what came of it."""
        command = [*VITRINE, "stream", "--quiet", "--output", self.output.root]
        command += ["--source", f"kafka://{self.broker.address}/{self.events}"]
        command += ["--results", f"kafka://{self.broker.address}/{self.verdicts}"]
        stream = subprocess.Popen([*command, "--fetch-file-roots", str(self.photos)], stderr=subprocess.PIPE, text=True)
        try:
            while "watching" not in (line := stream.stderr.readline()):
                assert line, "the stream ended"
            threading.Thread(target=lambda: self.said.extend(stream.stderr), daemon=True).start()
            capacity = self.capacity(self.args.backlog)
            self.rate = self.args.load * capacity
            print(
                f"capacity, of a backlog of {self.args.backlog}: {capacity:.1f} photos/s; load: {self.rate:.1f} photos/s; "
                f"load average of the machine: {_load_average()}",
                flush=True,
            )
            third = self.args.minutes * 20
            self.feed(stream.pid, third)
            self.broker.kill()
            self.feed(stream.pid, self.args.outage_s)
            self.broker.start()
            self.feed(stream.pid, third)
            self.broker.delete_topic(self.verdicts)
            self.feed(stream.pid, self.args.outage_s)
            self.broker.make_topic(self.verdicts, 1)
            self.reader = self._reader()
            self.feed(stream.pid, third)
            self.wait(300)
        finally:
            stream.terminate()
            code = stream.wait(90)
        self.report(code)

    def capacity(self, photos: int) -> float:
        """Return the photos a second at which a backlog is answered, behind a few that warm the stream up."""
        for count in (20, photos):
            began = time.monotonic()
            for _ in range(count):
                self._publish()
            while self.sent.keys() - self.answered.keys():
                assert time.monotonic() - began < 300, "the backlog is not answered"
                self._poll(0.1)
        return photos / (time.monotonic() - began)

    def feed(self, pid: int, seconds: float) -> None:
        """Publish at the rate for so long."""
        began, number, next_sample = time.monotonic(), 0, 0.0
        while (spent := time.monotonic() - began) < seconds:
            if spent >= number / self.rate:
                number += 1
                self._publish()
            if spent >= next_sample:
                next_sample = spent + 1
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                self.memory.append(pages * 4096 / 1e6)
            self._poll(0.02)

    def wait(self, wait_s: float) -> None:
        """Wait for the answers that are missing; those that went with the deleted topic never come."""
        deadline, quiet = time.monotonic() + wait_s, time.monotonic()
        while self.sent.keys() - self.answered.keys() and time.monotonic() < deadline and time.monotonic() - quiet < 45:
            count = len(self.answered)
            self._poll(0.1)
            if len(self.answered) > count:
                quiet = time.monotonic()

    def report(self, code: int) -> None:
        """Print the figures."""
        rows, letters = (
            read_table(self.output, name).to_pyarrow_table(columns=["uri"]).column("uri").to_pylist()
            for name in (QUALITY, DEAD_LETTERS)
        )
        missing = self.sent.keys() - set(rows)
        twice = sum(count > 1 for count in Counter(rows).values())
        unread = self.sent.keys() - self.answered.keys()
        print(
            f"{len(self.sent)} photos in {self.args.minutes:g} min and two outages of {self.args.outage_s:g} s, exit {code}"
        )
        print(f"tables: {len(missing)} missing, {twice} twice, {len(letters)} dead letters")
        print(
            f"answers: {len(unread)} not read (what the reader had not taken when the topic was deleted went with it)"
        )
        kept = self.memory[int(WARM_SHARE * len(self.memory)) :]
        fifth = max(1, len(kept) // 5)
        first, last = (sorted(some)[len(some) // 2] for some in (kept[:fifth], kept[-fifth:]))
        change = f"{last / first - 1:+.1%}"
        print(f"memory: median {first:.0f} MB, at the end {last:.0f} MB ({change}), {max(self.memory):.0f} MB at most")
        print(f"load average of the machine at the end: {_load_average()}")
        print(f"the stream wrote {len(self.said)} lines to standard error; the last of them:")
        print("".join(self.said[-3:]).rstrip())

    def _publish(self) -> None:
        number = len(self.sent)
        photo = self.photos / f"{number}.jpg"
        photo.write_bytes(self.originals[number % len(self.originals)].read_bytes() + b"%d" % number)
        self.sent[photo.as_uri()] = time.monotonic()
        self.producer.produce(self.events, json.dumps({"uri": photo.as_uri()}).encode())

    def _poll(self, wait_s: float) -> None:
        self.producer.poll(0)
        message = self.reader.poll(wait_s)
        while message is not None:
            if message.error() is None:
                self.answered.setdefault(message.key().decode(), time.monotonic())
            message = self.reader.poll(0)

    def _reader(self) -> Consumer:
        reader = Consumer({"bootstrap.servers": self.broker.address, "group.id": "bench", "log_level": 0})
        reader.assign([TopicPartition(self.verdicts, 0, 0)])
        return reader


def _load_average() -> str:
    return Path("/proc/loadavg").read_text().split()[0]


if __name__ == "__main__":
    main()
