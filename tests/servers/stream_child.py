"""A stream from Kafka to Kafka in a process of its own, to be killed: all but the pixels.

`stream_child.py SERVERS TOPIC ANSWERS OUTPUT`
"""

import signal
import sys
import threading
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "pipelines" / "streaming"))

from stream_parts import FakeJudge, Stream

from pipelines.stream import drain
from pipelines.streaming.driver import Driver
from pipelines.streaming.settings import StreamSettings
from transforms.fetch import FetchSettings, fetch
from transforms.imaging.codec.limits import DecodeLimits
from transforms.sinks.output import open_output
from transforms.sinks.results_kafka import KafkaResults
from transforms.sinks.tables import Tables
from transforms.sources.kafka import KafkaSource
from transforms.sources.kafka_config import KafkaPlace


class SlowJudge(FakeJudge):
    """Takes a moment, so that a kill finds it at work."""

    def begin(self, events):
        result = Future()
        threading.Timer(0.1, lambda: result.set_result(self.judge(events))).start()
        return result


def main(servers: str, topic: str, answers: str, place: str) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    output = open_output(place)
    with closing(Tables(output)) as tables:
        source = KafkaSource(KafkaPlace(servers, topic), {}, tables.position)
    results = KafkaResults(KafkaPlace(servers, answers), {})
    settings = StreamSettings(fetchers=4, retry_s=0.2, park_after_s=0.5)
    stream = Stream(
        output,
        source,
        read=lambda event: fetch(event, FetchSettings(), DecodeLimits()),
        results=results,
        judge=SlowJudge(),
        settings=settings,
    ).start()
    driver: Driver = stream.driver
    print("reading", flush=True)
    while not stop.is_set():
        driver.step()
    drain(driver, stream.intake, stream.flight, 20)
    stream.intake.close(5)
    stream.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
