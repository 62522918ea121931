"""A Kafka broker of its own on 127.0.0.1: one node that is broker and controller (KRaft), from the jars that Maven fetches."""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

POM = Path(__file__).parent / "kafka" / "pom.xml"
UP_S = 60
FETCH_S = 600

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={folder}/data
num.partitions=2
offsets.topic.replication.factor=1
offsets.topic.num.partitions=2
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
message.max.bytes=20000000
"""
LOGGING = """\
log4j.rootLogger=WARN, A
log4j.appender.A=org.apache.log4j.ConsoleAppender
log4j.appender.A.layout=org.apache.log4j.PatternLayout
log4j.appender.A.layout.ConversionPattern=%d %p %m (%c)%n
"""


class MissingError(Exception):
    """What is needed to start a broker is not here; the message names it."""


def jars(cache: Path) -> Path:
    """Return the folder of the broker's jars, fetched once for each state of the list."""
    folder = cache / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:16]}"
    if folder.exists():
        return folder
    if not shutil.which("java"):
        raise MissingError("Java 17 or newer to run a Kafka broker")
    if not shutil.which("mvn"):
        raise MissingError("Maven (mvn) to fetch a Kafka broker")
    part = folder.with_name(f"{folder.name}.{os.getpid()}")
    command = ["mvn", "-q", "-B", "-f", POM, "dependency:copy-dependencies", f"-DoutputDirectory={part}"]
    fetched = subprocess.run([*command, "-DincludeScope=runtime"], capture_output=True, text=True, timeout=FETCH_S)
    if fetched.returncode:
        raise MissingError(f"what Maven could not fetch: {' '.join(fetched.stdout.split())[-400:]}")
    part.replace(folder)
    return folder


class Broker:
    """One broker; it keeps its data when it is killed and started again."""

    def __init__(self, libraries: Path, folder: Path):
        if not shutil.which("java"):
            raise MissingError("Java 17 or newer to run a Kafka broker")
        self.port, controller = _free_ports(2)
        self.address = f"127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen | None = None
        self._java = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{libraries}/*"]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "log4j.properties").write_text(LOGGING)
        self._properties = folder / "server.properties"
        self._properties.write_text(PROPERTIES.format(port=self.port, controller=controller, folder=folder))
        storage = [*self._java, "kafka.tools.StorageTool", "format", "-t", "vitrineTestCluster0000A", "-c"]
        subprocess.run([*storage, self._properties], check=True, capture_output=True, timeout=UP_S)
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self._folder / "broker.log").open("ab")
        logging = f"-Dlog4j.configuration=file:{self._folder}/log4j.properties"
        command = [self._java[0], logging, *self._java[1:], "kafka.Kafka", self._properties]
        self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + UP_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                AdminClient({"bootstrap.servers": self.address, "log_level": 0}).list_topics(timeout=1)
                return
            except KafkaException:
                time.sleep(0.2)
        raise RuntimeError((self._folder / "broker.log").read_text()[-2000:])

    def kill(self) -> None:
        """Kill it as a power loss would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def make_topic(self, name: str, partitions: int = 2, **config: str) -> str:
        """Make a topic."""
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=config)
        admin = AdminClient({"bootstrap.servers": self.address})
        admin.create_topics([topic])[name].result(20)
        return name

    def delete_topic(self, name: str) -> None:
        """Delete a topic."""
        admin = AdminClient({"bootstrap.servers": self.address})
        admin.delete_topics([name])[name].result(20)

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Drop the messages before an offset, as a topic's retention does."""
        from confluent_kafka import TopicPartition

        admin = AdminClient({"bootstrap.servers": self.address})
        for future in admin.delete_records([TopicPartition(topic, partition, offset)]).values():
            future.result(20)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
