"""Events put on a broker, and answers read from one."""

import base64
import json

from confluent_kafka import Consumer, Producer, TopicPartition


def publish(kafka, topic, values):
    producer = Producer({"bootstrap.servers": kafka.address, "linger.ms": 20})
    for value in values:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        producer.produce(topic, data, key=value["uri"].encode() if isinstance(value, dict) else None)
        producer.poll(0)
    assert producer.flush(30) == 0


def photo(number, generation):
    data = base64.b64encode(f"photo {number} of {generation}".encode()).decode()
    return {"uri": f"https://photos.example/{number}.jpg", "generation": generation, "data": data}


def sent(kafka, topic):
    consumer = Consumer({"bootstrap.servers": kafka.address, "group.id": "reader", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in (0, 1)])
    found, ends = [], 0
    while ends < 2:
        for message in consumer.consume(1000, 1):
            if message.error():
                ends += 1
            else:
                found.append((message.key().decode(), json.loads(message.value())))
    consumer.close()
    return found
