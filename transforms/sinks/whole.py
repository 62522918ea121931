"""Write a small file of an output whole: a reader sees the old one or the new one, never a half."""

import os
from pathlib import Path

from transforms.errors import UserError
from transforms.sinks.output import Output, unwritable
from transforms.stores import cloud_storage, s3


def write_whole(output: Output, name: str, data: bytes, content_type: str) -> str:
    """Write or replace a file below the output and return its URI.

    Raises:
        UserError: it cannot be written.
    """
    if output.scheme == "file":
        _replace(Path(output.child(name)), data)
    else:
        _put(output, name, data, content_type)
    return output.uri(name)


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(str(path), error) from error


def _put(output: Output, name: str, data: bytes, content_type: str) -> None:
    """An object store shows an object only when it is whole."""
    bucket, key = output.bucket_and_key(name)
    try:
        if output.scheme == "gs":
            cloud_storage().bucket(bucket).blob(key).upload_from_string(data, content_type=content_type, timeout=60)
        else:
            s3().put_object(Bucket=bucket, Key=key, Body=data, ContentType=content_type)
    except UserError:
        raise
    except Exception as error:  # each client has a tree of its own
        raise UserError(f"{output.child(name)} cannot be written: {' '.join(str(error).split())}") from error
