"""Photos in S3, against moto's server: listed page by page, fetched by their very version, refused for what they are."""

import logging
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import urllib3

from transforms import identity, stores
from transforms.errors import RefusalError, UserError
from transforms.fetch import FetchSettings, fetch
from transforms.imaging.codec.limits import DecodeLimits
from transforms.records import ImageEvent
from transforms.sources.names import InputSettings
from transforms.sources.read import read

pytestmark = pytest.mark.server
SETTINGS = FetchSettings(attempts=2, pause_s=0.01)
LIMITS = DecodeLimits(max_bytes=1_000)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in (
        ("AWS_ENDPOINT_URL", moto),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("MOTO_S3_DEFAULT_MAX_KEYS", "10"),
    ):
        monkeypatch.setenv(name, value)
    stores._s3.cache_clear()
    client = stores.s3()
    client.create_bucket(Bucket="shop")
    yield client
    urllib3.request("POST", f"{moto}/moto-api/reset")
    stores._s3.cache_clear()


def put(client: Any, *names: str, body: bytes = b"photo") -> None:
    for name in names:
        client.put_object(Bucket="shop", Key=name, Body=body)


def uris(place: str, output: str | None = None, left_out: Counter[str] | None = None) -> list[str]:
    return [str(item.uri).removeprefix("s3://shop/") for item in read(place, output, InputSettings(), left_out)]


def code_of(event: ImageEvent, settings: FetchSettings = SETTINGS) -> str:
    with pytest.raises(RefusalError) as refused:
        fetch(event, settings, LIMITS)
    return refused.value.code


def test_a_prefix_gives_what_lies_below_it(s3: Any) -> None:
    put(s3, "in/b.jpg", "in/a b?.jpg", "in/sub/c", "in/x.csv", "in/.h/d.jpg", "in/folder/", "inn/e.jpg", "in.jpg")
    left_out: Counter[str] = Counter()
    assert uris("s3://shop/in", left_out=left_out) == ["in/a%20b%3F.jpg", "in/b.jpg", "in/sub/c"]
    assert left_out == {"*.csv": 1, "hidden": 1}
    assert uris("S3://shop/in/") == uris("s3://shop/in")
    assert uris("s3://shop/in/b.jpg") == ["in/b.jpg"]
    assert len(uris("s3://shop")) == 5
    assert uris("s3://shop/i*/*.jpg") == ["in/a%20b%3F.jpg", "in/b.jpg", "inn/e.jpg"]
    assert uris("s3://shop/**/*.jpg", "s3://shop/in") == ["in.jpg", "inn/e.jpg"]


def test_more_objects_than_a_page(s3: Any) -> None:
    put(s3, *(f"many/{n:04d}.jpg" for n in range(23)))
    assert s3.list_objects_v2(Bucket="shop")["IsTruncated"]
    found = uris("s3://shop/many")
    assert found == [f"many/{n:04d}.jpg" for n in range(23)]


def test_a_listed_object_is_fetched_and_a_replaced_one_is_changed(s3: Any) -> None:
    put(s3, "a b.jpg")
    (event,) = read("s3://shop", None, InputSettings())
    assert isinstance(event, ImageEvent) and event.size == 5
    assert fetch(event, SETTINGS, LIMITS) == b"photo"
    put(s3, "a b.jpg", body=b"other")
    assert code_of(event) == "changed"
    (again,) = read("s3://shop", None, InputSettings())
    assert again.generation != event.generation


def test_a_version_stays_readable_after_a_newer_one(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="shop", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="shop", Key="a.jpg", Body=b"first")["VersionId"]
    put(s3, "a.jpg", body=b"second")
    uri, location = identity.locate(f"s3://shop/a.jpg?versionId={first}")
    assert fetch(ImageEvent("e", uri, location=location), SETTINGS, LIMITS) == b"first"
    assert fetch(ImageEvent("e", uri), SETTINGS, LIMITS) == b"second"
    s3.delete_object(Bucket="shop", Key="a.jpg", VersionId=first)
    assert code_of(ImageEvent("e", uri, location=location)) in ("changed", "not_found")


def test_what_is_not_there_too_large_or_empty(s3: Any) -> None:
    put(s3, "large.jpg", body=b"x" * 1_001)
    put(s3, "empty.jpg", body=b"")
    assert code_of(ImageEvent("e", "s3://shop/missing.jpg")) == "not_found"
    assert code_of(ImageEvent("e", "s3://nobucket/missing.jpg")) == "not_found"
    assert code_of(ImageEvent("e", "s3://shop/large.jpg")) == "too_many_bytes"
    assert code_of(ImageEvent("e", "s3://shop/unread.jpg", size=1_001)) == "too_many_bytes"
    assert code_of(ImageEvent("e", "s3://shop/empty.jpg")) == "empty_file"
    assert code_of(ImageEvent("e", "s3://shop/large.jpg"), replace(SETTINGS, buckets=("b",))) == "forbidden_location"


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_manifest_in_a_bucket(s3: Any, kind: str) -> None:
    put(s3, "lists/p/a.jpg")
    rows = {"csv": "uri\np/a.jpg\nhttps://h/b.jpg\n", "jsonl": '{"uri": "p/a.jpg"}\n{"uri": "https://h/b.jpg"}\n'}
    put(s3, f"lists/m.{kind}", body=rows[kind].encode())
    found = list(read(f"s3://shop/lists/m.{kind}", None, InputSettings()))
    assert [item.uri for item in found] == ["s3://shop/lists/p/a.jpg", "https://h/b.jpg"]
    assert isinstance(found[0], ImageEvent) and fetch(found[0], SETTINGS, LIMITS) == b"photo"


@pytest.mark.parametrize("place", ["s3://nobucket/x", "s3://shop/nothing", "s3://nobucket/m.csv", "s3://shop/no.csv"])
def test_what_cannot_be_listed_is_one_sentence(s3: Any, place: str) -> None:
    with pytest.raises(UserError):
        read(place, None, InputSettings())


def test_without_credentials_a_photo_is_refused_and_a_listing_says_so(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    stores._s3.cache_clear()
    assert code_of(ImageEvent("e", "s3://shop/a.jpg")) == "permission_denied"
    with pytest.raises(UserError, match="may not be listed"):
        read("s3://shop", None, InputSettings())


def test_a_store_that_is_away_is_a_refusal_after_the_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        stores._s3.cache_clear()
        assert code_of(ImageEvent("e", "s3://shop/a.jpg")) == "fetch_failed"
        with pytest.raises(UserError, match="cannot be listed"):
            read("s3://shop", None, InputSettings())
    stores._s3.cache_clear()


def test_many_threads_share_the_client(s3: Any) -> None:
    put(s3, "a.jpg")
    results: list[bytes] = []
    event = ImageEvent("e", "s3://shop/a.jpg")
    threads = [
        threading.Thread(target=lambda: results.extend(fetch(event, SETTINGS, LIMITS) for _ in range(5)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [b"photo"] * 40
