"""Photos in Cloud Storage, against fake-gcs-server: listed, fetched by their very generation, refused for what they are."""

import threading
from collections import Counter
from dataclasses import replace

import pytest

from transforms import stores
from transforms.errors import RefusalError, UserError
from transforms.events import parse
from transforms.fetch import FetchSettings, fetch
from transforms.imaging.codec.limits import DecodeLimits
from transforms.records import ImageEvent
from transforms.sources.names import InputSettings
from transforms.sources.read import read

pytestmark = pytest.mark.server
SETTINGS = FetchSettings(attempts=2, pause_s=0.01)
LIMITS = DecodeLimits(max_bytes=1_000)


def put(bucket: str, *names: str, body: bytes = b"photo") -> int:
    for name in names:
        blob = stores.cloud_storage().bucket(bucket).blob(name)
        blob.upload_from_string(body, content_type="image/jpeg")
    return int(blob.generation)


def names(place: str, output: str | None = None, left_out: Counter[str] | None = None) -> list[str]:
    found = read(place, output, InputSettings(), left_out)
    return [str(item.uri).removeprefix("gs://").partition("/")[2] for item in found]


def code_of(event: ImageEvent, settings: FetchSettings = SETTINGS) -> str:
    with pytest.raises(RefusalError) as refused:
        fetch(event, settings, LIMITS)
    return refused.value.code


def test_a_prefix_or_a_pattern_gives_what_it_names(gs_bucket: str) -> None:
    put(gs_bucket, "in/b.jpg", "in/a b?#%41.jpg", "in/sub/c", "in/x.csv", "in/.h/d.jpg", "inn/e.jpg", "in.jpg")
    place, left_out = f"gs://{gs_bucket}", Counter[str]()
    assert names(f"{place}/in", left_out=left_out) == ["in/a%20b%3F%23%2541.jpg", "in/b.jpg", "in/sub/c"]
    assert left_out == {"*.csv": 1, "hidden": 1}
    assert names(f"{place}/in/b.jpg") == ["in/b.jpg"]
    assert names(f"{place}/i*/*.jpg") == ["in/a%20b%3F%23%2541.jpg", "in/b.jpg", "inn/e.jpg"]
    assert names(f"{place}/**/*.jpg", f"{place}/in") == ["in.jpg", "inn/e.jpg"]
    for event in read(place, None, InputSettings()):
        assert isinstance(event, ImageEvent) and fetch(event, SETTINGS, LIMITS) == b"photo"


def test_a_generation_is_that_generation_or_nothing(gs_bucket: str) -> None:
    put(gs_bucket, "a b.jpg", body=b"first")
    (event,) = read(f"gs://{gs_bucket}", None, InputSettings())
    assert isinstance(event, ImageEvent) and event.size == 5
    assert fetch(event, SETTINGS, LIMITS) == b"first"
    put(gs_bucket, "a b.jpg", body=b"second")
    assert code_of(event) == "changed"
    (newer,) = read(f"gs://{gs_bucket}", None, InputSettings())
    assert newer.generation > event.generation
    stores.cloud_storage().bucket(gs_bucket).blob("a b.jpg").delete()
    assert code_of(event) == "not_found"


def test_a_notifications_event_is_fetched(gs_bucket: str) -> None:
    generation = put(gs_bucket, "a+b c.jpg")
    attributes = {"eventType": "OBJECT_FINALIZE", "bucketId": gs_bucket, "objectId": "a+b c.jpg"}
    (event,) = parse(b"", attributes | {"objectGeneration": str(generation)}, "subscription:1").items
    (listed,) = read(f"gs://{gs_bucket}", None, InputSettings())
    assert isinstance(event, ImageEvent)
    assert (event.uri, event.generation) == (listed.uri, listed.generation)
    assert fetch(event, SETTINGS, LIMITS) == b"photo"


def test_what_is_not_there_too_large_or_empty(gs_bucket: str) -> None:
    put(gs_bucket, "large.jpg", body=b"x" * 1_001)
    put(gs_bucket, "empty.jpg", body=b"")
    place = f"gs://{gs_bucket}"
    assert code_of(ImageEvent("e", f"{place}/missing.jpg")) == "not_found"
    assert code_of(ImageEvent("e", "gs://no-such-bucket/missing.jpg")) == "not_found"
    assert code_of(ImageEvent("e", f"{place}/large.jpg")) == "too_many_bytes"
    assert code_of(ImageEvent("e", f"{place}/unread.jpg", size=1_001)) == "too_many_bytes"
    assert code_of(ImageEvent("e", f"{place}/empty.jpg")) == "empty_file"
    assert code_of(ImageEvent("e", f"{place}/large.jpg"), replace(SETTINGS, buckets=("b",))) == "forbidden_location"


def test_a_manifest_in_a_bucket(gs_bucket: str) -> None:
    put(gs_bucket, "lists/p/a.jpg")
    put(gs_bucket, "lists/m.csv", body=b"uri\np/a.jpg\nhttps://h/b.jpg\n")
    found = list(read(f"gs://{gs_bucket}/lists/m.csv", None, InputSettings()))
    assert [item.uri for item in found] == [f"gs://{gs_bucket}/lists/p/a.jpg", "https://h/b.jpg"]
    assert isinstance(found[0], ImageEvent) and fetch(found[0], SETTINGS, LIMITS) == b"photo"


@pytest.mark.parametrize(
    "place", ["gs://no-such-bucket/x", "gs://{}/nothing", "gs://no-such-bucket/m.csv", "gs://{}/no.csv"]
)
def test_what_cannot_be_listed_is_one_sentence(gs_bucket: str, place: str) -> None:
    with pytest.raises(UserError):
        read(place.format(gs_bucket), None, InputSettings())


def test_many_threads_share_the_client(gs_bucket: str) -> None:
    put(gs_bucket, "a.jpg")
    results: list[bytes] = []
    event = ImageEvent("e", f"gs://{gs_bucket}/a.jpg")
    threads = [
        threading.Thread(target=lambda: results.extend(fetch(event, SETTINGS, LIMITS) for _ in range(5)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [b"photo"] * 40
