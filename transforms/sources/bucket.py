"""Photos in a bucket: a prefix, a pattern or one object of gs:// or s3://, page by page, in the store's own order."""

import contextlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import IO, NamedTuple

from transforms import identity, stores
from transforms.errors import UserError
from transforms.records import ImageEvent
from transforms.sources.names import InputSettings, has_magic, matches, why_left_out


class Stored(NamedTuple):
    """An object as the store lists it; `pin` names exactly this version to the store, "" where the generation does."""

    uri: str
    name: str
    generation: str
    size: int
    changed: datetime
    pin: str


def read_bucket(
    place: str, own: Callable[[str], bool], settings: InputSettings, left_out: Counter[str]
) -> Iterator[ImageEvent]:
    """Yield an event for each object of a prefix, of a pattern, or for the one object of that very name.

    `gs://bucket/a` means the object `a`, or else what lies below `a/`. Names are as the store writes them, not
    percent-encoded. Two stores list in the order of the names' UTF-8 bytes, 1,000 a page, so memory is flat.

    Args:
        place: gs://BUCKET[/PREFIX or PATTERN] or s3://….
        own: tells whether a canonical URI lies in the output.
        settings: which endings are left out.
        left_out: filled as the iteration goes.

    Raises:
        UserError: the bucket is missing or may not be listed.
    """
    scheme, _, rest = place.partition("://")
    bucket, _, name = rest.partition("/")
    if not bucket:
        raise UserError(f"{place} names no bucket: write {scheme}://BUCKET/PREFIX")
    pattern = name.split("/") if has_magic(name) else None
    prefix = name if pattern is None else re.split(r"[*?\[]", name, maxsplit=1)[0]
    for stored in list_objects(scheme, bucket, prefix):
        if stored.name.endswith("/"):
            continue  # the marker that consoles make for a folder
        named = stored.name == name
        if not named and pattern is None and prefix and not stored.name.startswith(prefix.rstrip("/") + "/"):
            continue  # a neighbour: `a` does not mean `ab`
        if pattern is not None and not matches(stored.name.split("/"), pattern):
            continue
        if own(stored.uri):
            left_out["own output"] += 1
            continue
        below = stored.name if pattern is not None else stored.name[len(prefix) :]
        if not named and (why := _why(below, settings, pattern)):
            left_out[why] += 1
            continue
        yield object_event(stored)


def object_event(stored: Stored) -> ImageEvent:
    """Return the event of an object."""
    return ImageEvent(
        event_id=identity.event_id(None, stored.uri, stored.generation, stored.uri),
        uri=stored.uri,
        generation=stored.generation,
        source_position=stored.uri,
        event_time=stored.changed,
        location=stored.uri + stored.pin if stored.pin else None,
        size=stored.size,
    )


def list_objects(scheme: str, bucket: str, prefix: str) -> Iterator[Stored]:
    """Yield the objects whose names begin with `prefix`.

    Raises:
        UserError: the bucket is missing or may not be listed.
    """
    return _list_cloud_storage(bucket, prefix) if scheme == "gs" else _list_s3(bucket, prefix)


def _list_cloud_storage(bucket: str, prefix: str) -> Iterator[Stored]:
    from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, Unauthorized
    from google.auth.exceptions import GoogleAuthError

    with _said_plainly(
        f"gs://{bucket}",
        missing=(NotFound,),
        refused=(Forbidden, Unauthorized, GoogleAuthError),
        other=(GoogleAPIError, OSError),
    ):
        for blob in stores.cloud_storage().list_blobs(
            bucket, prefix=prefix or None, fields="items(name,generation,size,updated),nextPageToken"
        ):
            generation = identity.integer_generation(int(blob.generation))
            uri = identity.object_uri("gs", bucket, blob.name)
            yield Stored(uri, blob.name, generation, int(blob.size or 0), blob.updated, "")


def _list_s3(bucket: str, prefix: str) -> Iterator[Stored]:
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    client = stores.s3()
    with _said_plainly(
        f"s3://{bucket}",
        missing=(client.exceptions.NoSuchBucket,),
        refused=(NoCredentialsError,),
        other=(ClientError, BotoCoreError, OSError),
    ):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                # A listing has no sequencer, and two uploads may share its second: the content's tag tells them apart.
                tag = item["ETag"].strip('"')
                generation = f"{identity.time_generation(item['LastModified'])}-{tag[:32]}"
                uri = identity.object_uri("s3", bucket, item["Key"])
                yield Stored(uri, item["Key"], generation, item["Size"], item["LastModified"], f"?etag={tag}")


@contextlib.contextmanager
def _said_plainly(
    place: str,
    missing: tuple[type[Exception], ...],
    refused: tuple[type[Exception], ...],
    other: tuple[type[Exception], ...],
) -> Iterator[None]:
    """Turn what a store's client raises while listing into one sentence."""
    try:
        yield
    except missing:
        raise UserError(f"there is no bucket {place}") from None
    except refused as error:
        raise UserError(f"{place} may not be listed with these credentials: {_one_line(error)}") from None
    except other as error:
        raise UserError(f"{place} cannot be listed: {_one_line(error)}") from None


def _why(name: str, settings: InputSettings, pattern: list[str] | None) -> str | None:
    """As for a folder: a hidden folder hides what it holds; an ending that the pattern spells out is wanted."""
    parts = name.strip("/").split("/")
    if pattern is None:
        for part in parts[:-1]:
            if (why := why_left_out(part, settings)) and not why.startswith("*"):
                return why
    why = why_left_out(parts[-1], settings)
    if pattern is not None and why and (not why.startswith("*") or pattern[-1].endswith(why[1:])):
        return None
    return why


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def download(scheme: str, bucket: str, name: str, file: IO[bytes]) -> None:
    """Write an object into a file.

    Raises:
        UserError: it is missing or may not be read.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        if scheme == "gs":
            stores.cloud_storage().bucket(bucket).blob(name).download_to_file(file)
        else:
            for chunk in stores.s3().get_object(Bucket=bucket, Key=name)["Body"].iter_chunks(1 << 20):
                file.write(chunk)
    except (GoogleAPIError, GoogleAuthError, ClientError, BotoCoreError, OSError) as error:
        raise UserError(f"{scheme}://{bucket}/{name} cannot be read: {_one_line(error)}") from None
