"""A stream on a cluster, on this machine: Kafka and Flink started, photos fed, verdicts shown, a savepoint, and on from it.

`make flink-demo`, or `python -m bench.flink_demo`. Needs Java 17 and, the first time, Maven; about 4 GB of memory.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from transforms.sinks.results import Answer, line

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
OUTPUT = ROOT / "out" / "flink-demo"
WAIT_S = 300
sys.path.insert(0, str(ROOT / "tests" / "servers"))


def main() -> None:
    import flink_cluster
    from kafka_broker import Broker, MissingError, jars

    shutil.rmtree(OUTPUT, ignore_errors=True)
    cache = ROOT / ".cache" / "servers"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        try:
            print("Starting Kafka and Flink (the first time their jars are fetched: 200 MB) …", flush=True)
            broker = Broker(jars(cache), Path(place) / "kafka")
            cluster = flink_cluster.Cluster(flink_cluster.jars(cache), Path(place) / "flink", str(ROOT))
        except MissingError as error:
            sys.exit(f"The demonstration needs {error}.")
        try:
            cluster.start()
            demonstrate(broker, cluster)
        finally:
            cluster.kill()
            broker.kill()


def demonstrate(broker, cluster) -> None:
    """Feed half of the photos, take a savepoint, go on from it with the other half."""
    photos = sorted(SAMPLES.glob("*.jpg"))
    uploads, verdicts = broker.make_topic("uploads"), broker.make_topic("verdicts")
    reader = Consumer({"bootstrap.servers": broker.address, "group.id": "page"})
    reader.assign([TopicPartition(verdicts, partition, 0) for partition in (0, 1)])

    half = len(photos) // 2
    stream = start(broker, cluster, uploads, verdicts)
    feed(broker, uploads, photos[:half])
    show(reader, half)

    print("\nA savepoint, and the job is stopped …", flush=True)
    savepoint = stop(cluster)
    stream.wait(60)
    feed(broker, uploads, photos[half:])
    print(f"… {len(photos) - half} photos come meanwhile, and it goes on from {Path(savepoint).name}:", flush=True)
    start(broker, cluster, uploads, verdicts, savepoint)
    show(reader, len(photos) - half)
    print(f"\nWhat it wrote: vitrine sql {OUTPUT.relative_to(ROOT)} 'select verdict, count(*) from quality group by 1'")


def start(broker, cluster, uploads: str, verdicts: str, savepoint: str | None = None) -> subprocess.Popen:
    """Start `vitrine stream` on the cluster."""
    words = ["stream", "--source", f"kafka://{broker.address}/{uploads}", "--output", str(OUTPUT)]
    words += ["--results", f"kafka://{broker.address}/{verdicts}", "--fetch-file-roots", str(SAMPLES)]
    words += ["--runner", cluster.runner + (f"&resume={savepoint}" if savepoint else "")]
    print(f"$ vitrine {' '.join(words)}", flush=True)
    log = (cluster.folder / "stream.log").open("ab")
    return subprocess.Popen([sys.executable, "-m", "pipelines.cli", *words], stdout=log, stderr=log, cwd=ROOT)


def feed(broker, topic: str, photos: list[Path]) -> None:
    """Publish an event for each photo."""
    producer = Producer({"bootstrap.servers": broker.address})
    for photo in photos:
        producer.produce(topic, json.dumps({"uri": photo.as_uri()}).encode())
    producer.flush(30)


def show(reader: Consumer, count: int) -> None:
    """Print verdicts as they come."""
    deadline, seen = time.monotonic() + WAIT_S, set()
    while len(seen) < count:
        for message in reader.consume(100, 0.5):
            if message.error() is None and (key := message.key().decode()) not in seen:
                seen.add(key)
                print("  " + line(Answer(key, json.loads(message.value()))), flush=True)
        if time.monotonic() > deadline:
            sys.exit(f"only {len(seen)} of {count} verdicts came within {WAIT_S} s")


def stop(cluster) -> str:
    """Take a savepoint of the running job and end it; return where the savepoint is."""
    (job,) = [job["id"] for job in cluster.ask("/jobs")["jobs"] if job["status"] == "RUNNING"]
    request = urllib.request.Request(
        f"http://127.0.0.1:{cluster.rest}/jobs/{job}/savepoints",
        json.dumps({"cancel-job": True}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        trigger = json.load(answer)["request-id"]
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        found = cluster.ask(f"/jobs/{job}/savepoints/{trigger}")
        if found["status"]["id"] == "COMPLETED":
            if "location" not in found["operation"]:
                sys.exit(f"no savepoint was made: {found['operation']}")
            return str(found["operation"]["location"])
        time.sleep(0.5)
    sys.exit("no savepoint was made in time")


if __name__ == "__main__":
    main()
