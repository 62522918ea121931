"""Read an object of gs:// or s3://: exactly the version that the event names, no more bytes than the limit."""

from typing import Any

from transforms import identity, stores
from transforms.errors import RefusalError, UserError
from transforms.fetch.limits import Bounded, FetchSettings, PassingError, too_many_bytes
from transforms.records import ImageEvent

_PASSING = (408, 429, 500, 502, 503, 504)
_S3_CODES = {
    "NoSuchKey": "not_found",
    "NoSuchBucket": "not_found",
    "NoSuchVersion": "changed",
    "PreconditionFailed": "changed",
    "MethodNotAllowed": "not_found",  # a version that marks a deletion
    "InvalidObjectState": "fetch_failed",  # in an archive: to be restored first
}


def read_object(event: ImageEvent, settings: FetchSettings, max_bytes: int) -> bytes:
    """Read what a gs:// or s3:// event names, in one attempt.

    A gs:// event whose generation is Cloud Storage's own number gets that generation; an s3:// event whose location has a
    `versionId` or an `etag` gets that version.

    Raises:
        RefusalError: not_found, permission_denied, changed, too_many_bytes, forbidden_location, fetch_failed.
        PassingError: it may go better another time.
    """
    bucket, name = identity.object_name(event.uri)
    if settings.buckets and bucket not in settings.buckets:
        raise RefusalError("forbidden_location", f"the bucket {bucket} is not among fetch.buckets")
    if event.size is not None and event.size > max_bytes:
        raise too_many_bytes(event.size, max_bytes)
    try:
        if event.uri.startswith("gs:"):
            return _read_cloud_storage(bucket, name, event.generation, max_bytes)
        return _read_s3(bucket, name, identity.pin_of(event.location), max_bytes)
    except UserError as error:  # no credentials: with other places in the same input, it is this photo's trouble
        raise RefusalError("permission_denied", str(error)) from None


def _read_cloud_storage(bucket: str, name: str, generation: str, max_bytes: int) -> bytes:
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError, TransportError
    from google.cloud.storage.exceptions import DataCorruption
    from requests.exceptions import RequestException, Timeout

    pinned = int(generation) if generation.isdigit() else None
    blob = stores.cloud_storage().bucket(bucket).blob(name, generation=pinned)
    body = Bounded(max_bytes)
    try:
        blob.download_to_file(body, retry=None, timeout=(10, 20))
    except GoogleAPICallError as error:
        status = int(error.code or 0)
        if status == 404 and pinned is not None and _exists(bucket, name):
            raise RefusalError("changed", f"generation {pinned} is gone; another is there") from None
        raise _refusal(status, _one_line(error)) from None
    except Timeout:
        raise PassingError(RefusalError("fetch_timeout", "Cloud Storage did not answer in time")) from None
    except (RequestException, TransportError, DataCorruption, ConnectionError) as error:
        raise PassingError(RefusalError("fetch_failed", _one_line(error))) from None
    except GoogleAuthError as error:
        raise RefusalError("permission_denied", _one_line(error)) from None
    return body.whole()


def _exists(bucket: str, name: str) -> bool:
    from google.api_core.exceptions import GoogleAPICallError
    from requests.exceptions import RequestException

    try:
        return bool(stores.cloud_storage().bucket(bucket).blob(name).exists(retry=None, timeout=(10, 20)))
    except (GoogleAPICallError, RequestException):
        return False


def _read_s3(bucket: str, name: str, pin: dict[str, str], max_bytes: int) -> bytes:
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectionClosedError,
        ConnectTimeoutError,
        HTTPClientError,
        NoCredentialsError,
        ReadTimeoutError,
        ResponseStreamingError,
    )

    asked: dict[str, Any] = {"Bucket": bucket, "Key": name}
    if "versionId" in pin:
        asked["VersionId"] = pin["versionId"]
    elif "etag" in pin:
        asked["IfMatch"] = f'"{pin["etag"]}"'
    body = Bounded(max_bytes)
    try:
        answer = stores.s3().get_object(**asked)
        if answer["ContentLength"] > max_bytes:
            answer["Body"].close()
            raise too_many_bytes(answer["ContentLength"], max_bytes)
        for piece in answer["Body"].iter_chunks(1 << 20):
            body.write(piece)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in _S3_CODES:
            raise RefusalError(_S3_CODES[code], _one_line(error)) from None
        raise _refusal(503 if code in ("SlowDown", "RequestTimeout") else status, _one_line(error)) from None
    except (ConnectTimeoutError, ReadTimeoutError):
        raise PassingError(RefusalError("fetch_timeout", "the store did not answer in time")) from None
    except NoCredentialsError as error:
        raise RefusalError(
            "permission_denied", f"s3:// cannot be read without credentials: {_one_line(error)}"
        ) from None
    except (ConnectionClosedError, HTTPClientError, ResponseStreamingError, OSError) as error:
        raise PassingError(RefusalError("fetch_failed", _one_line(error))) from None
    except BotoCoreError as error:
        raise RefusalError("fetch_failed", _one_line(error)) from None
    return body.whole()


def _refusal(status: int, said: str) -> Exception:
    if status in _PASSING:
        return PassingError(RefusalError("fetch_failed", said))
    codes = {401: "permission_denied", 403: "permission_denied", 404: "not_found", 412: "changed"}
    return RefusalError(codes.get(status, "fetch_failed"), said)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
