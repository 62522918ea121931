"""How long from a message to its verdict, how fast a backlog goes, and whether one slow host holds the others up.


Starts a Kafka broker of its own (Java, Maven: see tests/servers), publishes file:// events of the photos of a folder,
each with bytes of its own at the end so that no two are equal, and reads the verdicts from the results topic.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "servers"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--rate", type=float, help="photos a second; without it, 70 %% of the rate of the backlog")
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
    photos = _copies(args.folder, place / "photos", 2 * args.photos)
    command = [str(Path(sys.executable).parent / "vitrine"), "stream", "--quiet", "--output", str(place / "out")]
    command += ["--source", f"kafka://{broker.address}/{names[0]}", "--results", f"kafka://{broker.address}/{names[1]}"]
    process = subprocess.Popen(
        [*command, "--fetch-file-roots", str(place / "photos")], stderr=subprocess.PIPE, text=True
    )
    try:
        while "watching" not in (line := process.stderr.readline()):
            assert line, "the stream ended"
        reader = _Reader(broker, names[1])
        warm = photos[:20]
        _publish(broker, names[0], warm, None)
        reader.read(len(warm))

        backlog = photos[20 : args.photos]
        began = time.monotonic()
        _publish(broker, names[0], backlog, None)
        reader.read(len(backlog))
        rate = len(backlog) / (time.monotonic() - began)
        print(f"backlog: {len(backlog)} photos, {rate:.1f} photos/s")

        batch = _batch(backlog, place)
        print(f"vitrine batch on the same photos: {batch:.1f} photos/s without its start; ratio {rate / batch:.2f}")

        wanted = args.rate or 0.7 * rate
        live = photos[args.photos :]
        sent = _publish(broker, names[0], live, wanted, reader)
        latencies = sorted(at - sent[uri] for uri, at in reader.read(len(live)).items() if uri in sent)
        shown = ", ".join(f"p{p} {latencies[len(latencies) * p // 100]:.2f} s" for p in (50, 95, 99))
        print(f"at {wanted:.1f} photos/s: {shown} (publish → verdict read from the results topic)")
    finally:
        process.terminate()
        process.wait(60)


def _batch(photos: list[Path], place: Path) -> float:
    """Return the photos a second of a batch over the same files, less what one photo alone takes."""
    manifest, output = place / "photos.csv", place / "batch"
    vitrine = str(Path(sys.executable).parent / "vitrine")
    seconds = []
    for some in (photos[:1], photos):
        manifest.write_text("uri\n" + "".join(f"{photo}\n" for photo in some))
        shutil.rmtree(output, ignore_errors=True)
        subprocess.run(
            [vitrine, "batch", "--quiet", "--input", manifest, "--output", output],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds.append(json.loads((output / "run.json").read_text())["seconds"])
    return (len(photos) - 1) / (seconds[1] - seconds[0])


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


def _publish(broker, topic: str, photos: list[Path], rate: float | None, reader=None) -> dict[str, float]:
    producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 1})
    sent, began = {}, time.monotonic()
    for number, photo in enumerate(photos):
        while rate and (left := began + number / rate - time.monotonic()) > 0:
            reader.poll(min(left, 0.01))
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
        for message in self._consumer.consume(100, wait_s):
            if message.error() is None:
                self._found[message.key().decode()] = time.monotonic()

    def read(self, count: int, wait_s: float = 600) -> dict[str, float]:
        deadline = time.monotonic() + wait_s
        while len(self._found) < count:
            self.poll(0.01)
            assert time.monotonic() < deadline, f"{len(self._found)} of {count} answers"
        found, self._found = self._found, {}
        return found


if __name__ == "__main__":
    main()
