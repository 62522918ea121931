"""Write a photo under the name of its content, whole or not at all, so that writing it again changes nothing."""

import errno
import functools
import hashlib
import itertools
import os
import socket
import time
from pathlib import Path
from typing import Any

from transforms.errors import RefusalError, UserError
from transforms.sinks.output import Output, one_line, unwritable
from transforms.stores import cloud_storage

FOLDER = "images"
"""Where photos lie under an output: images/ab/ab12….jpg."""

CONTENT_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tif": "image/tiff",
}
"""Extension -> the media type that a store serves it with."""

UNFINISHED = "unfinished"
"""The folder under `_state` of files that are being written; what a killed process left there is swept."""

STALE_S = 3_600.0
"""Age of an unfinished file of another machine that is taken for left behind."""

_TIMEOUT_S = 60.0
_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG)
_numbers = itertools.count()


def write_image(output: Output, data: bytes, extension: str) -> str:
    """Write one photo and return its URI; a photo that is there already is left as it is.

    Args:
        output: where results go.
        data: the encoded photo.
        extension: one of `CONTENT_TYPES`, without a dot.

    Raises:
        RefusalError: write_failed, where this one could not be written.
        UserError: nothing more can be written there (disk full, no permission, no such bucket).
    """
    digest = hashlib.sha256(data).hexdigest()
    name = f"{FOLDER}/{digest[:2]}/{digest}.{extension}"
    write = {"file": _write_file, "gs": _write_cloud_storage, "s3": _write_s3}[output.scheme]
    write(output, name, data, CONTENT_TYPES[extension])
    return output.uri(name)


def sweep(output: Output) -> int:
    """Delete the unfinished files of processes that are no more; return how many. Object stores have none."""
    if output.scheme != "file":
        return 0
    here, now, swept = socket.gethostname(), time.time(), 0
    for path in (output.state_folder() / UNFINISHED).glob("*~*~*~*"):
        host, _, pid, _ = path.name.split("~")
        try:
            left = not _alive(int(pid)) if host == here else now - path.stat().st_mtime > STALE_S
            if left:
                path.unlink()
                swept += 1
        except FileNotFoundError:
            continue
    return swept


def _write_file(output: Output, name: str, data: bytes, content_type: str) -> None:
    target = Path(output.child(name))
    try:
        if target.is_file() and target.stat().st_size == len(data):
            return
        folder = Path(output.child("_state")) / UNFINISHED
        folder.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = folder / f"{socket.gethostname()}~{target.name}~{os.getpid()}~{next(_numbers)}"
        try:
            with part.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    except OSError as error:
        if error.errno in _FATAL:
            raise unwritable(str(target.parent), error) from error
        raise RefusalError("write_failed", f"{target}: {error.strerror or error}") from error


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power loss."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write_cloud_storage(output: Output, name: str, data: bytes, content_type: str) -> None:
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage.retry import DEFAULT_RETRY

    bucket, key = output.bucket_and_key(name)
    blob = cloud_storage().bucket(bucket).blob(key)
    try:
        # Only where nothing is there: with this the client may also retry, since a second upload cannot win.
        blob.upload_from_string(
            data,
            content_type=content_type,
            if_generation_match=0,
            timeout=_TIMEOUT_S,
            retry=DEFAULT_RETRY.with_timeout(_TIMEOUT_S),
        )
    except exceptions.PreconditionFailed:
        return
    except (exceptions.Forbidden, exceptions.Unauthorized, exceptions.NotFound, GoogleAuthError) as error:
        raise UserError(f"gs://{bucket} cannot be written: {one_line(error)}") from error
    except (exceptions.GoogleAPIError, OSError) as error:
        raise RefusalError("write_failed", f"gs://{bucket}/{key}: {one_line(error)}") from error


def _write_s3(output: Output, name: str, data: bytes, content_type: str) -> None:
    from botocore.exceptions import BotoCoreError, NoCredentialsError

    bucket, key = output.bucket_and_key(name)
    place = f"{bucket}/{key}"
    try:
        _s3().pipe_file(place, data, mode="create", ContentType=content_type)
    except FileExistsError:
        return
    except (FileNotFoundError, PermissionError, NoCredentialsError) as error:
        raise UserError(f"s3://{bucket} cannot be written: {one_line(error)}") from error
    except (OSError, BotoCoreError) as error:
        if isinstance(error, OSError) and error.errno == errno.EINVAL and _s3().exists(place):
            return  # MinIO's word for "exists already"
        raise RefusalError("write_failed", f"s3://{place}: {one_line(error)}") from error


@functools.cache
def _s3() -> Any:
    import fsspec

    return fsspec.filesystem("s3")
