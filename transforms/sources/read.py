"""What to judge: a folder, a pattern, one file, a bucket or a manifest, as a stream of `ImageEvent`."""

import itertools
import os
import stat
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from transforms import identity
from transforms.errors import RefusalError, UserError
from transforms.file_errors import refusal_of
from transforms.records import DeadLetter, ImageEvent
from transforms.sources import folder, manifest
from transforms.sources.names import InputSettings, has_magic

Item = ImageEvent | DeadLetter


def read(
    source: str, output: str | None, settings: InputSettings, left_out: Counter[str] | None = None
) -> Iterator[Item]:
    """Return an iterator over what a user named; the first item is found before this returns.

    The order is the same on each run over the same files, and memory does not grow with their number.

    Args:
        source: a folder, a file, a pattern (`*`, `?`, `[…]`, `**`), a manifest (CSV, JSONL, Parquet), or the same in
            gs:// or s3://.
        output: where results go, a path or URI: what lies there is never an input. None: nowhere.
        settings: which endings are left out.
        left_out: filled as the iteration goes: words that say why -> how many names were left out.

    Raises:
        UserError: there is nothing to judge, or it may not be read. Later, while iterating, only where a listing that
            had begun breaks off.
    """
    left_out = Counter() if left_out is None else left_out
    items = _open(source, output, settings, left_out)
    first = next(items, None)
    if first is None:
        said = f": {describe_left_out(left_out)}" if left_out else ""
        raise UserError(f"there is no photo in {source}{said}")
    return itertools.chain([first], items)


def describe_left_out(left_out: Counter[str]) -> str:
    """Return the counts in words: "left out 3 *.csv, 1 hidden"."""
    return "left out " + ", ".join(f"{count:,} {why}" for why, count in left_out.most_common())


def _open(source: str, output: str | None, settings: InputSettings, left_out: Counter[str]) -> Iterator[Item]:
    if not source.strip():
        raise UserError("the input is an empty text: name a folder, a pattern, a manifest, gs:// or s3://")
    own = _Own(output)
    scheme = source.partition("://")[0].lower() if "://" in source else ""
    if scheme in ("gs", "s3"):
        source = f"{scheme}://{source.partition('://')[2]}"
        if manifest.is_manifest(source) and not has_magic(source):
            return _without_own(_manifest_in_bucket(source), own, left_out)
        from transforms.sources import bucket

        return bucket.read_bucket(source, own.holds, settings, left_out)
    if scheme in ("http", "https"):
        raise UserError(f"{scheme}:// cannot be listed: write the addresses into a manifest with a column 'uri'")
    if scheme not in ("", "file"):
        raise UserError(f"{scheme}:// is no input: give a folder, a pattern, a manifest, gs:// or s3://")
    path = _local_path(source) if scheme else os.fsencode(Path(source).expanduser())
    return _open_local(path, own, settings, left_out)


def _open_local(path: bytes, own: "_Own", settings: InputSettings, left_out: Counter[str]) -> Iterator[Item]:
    shown = _shown(path)
    try:
        status = os.stat(path)  # noqa: PTH116 - bytes
    except OSError as error:
        if has_magic(os.fsdecode(path)) and isinstance(error, FileNotFoundError):
            items = folder.read_pattern(os.fsdecode(path), own.folders, settings, left_out)
            return _without_own(items, own, left_out)
        raise UserError(f"the input {shown} cannot be read: {refusal_of(error).message}") from None
    if stat.S_ISDIR(status.st_mode):
        if own.holds(identity.file_uri(os.path.realpath(path))):
            raise UserError(
                f"the input {shown} lies in the output folder: choose another, or our own images would be read"
            )
        return folder.read_folder(path, own.folders, settings, left_out)
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"the input {shown} is neither a folder nor a file")
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError as error:
        raise UserError(f"the input {shown} cannot be read: {refusal_of(error).message}") from None
    if manifest.is_manifest(os.fsdecode(path)):
        return _without_own(_manifest_in_file(path), own, left_out)
    return iter([folder.file_event(path, status)])


def _manifest_in_file(path: bytes) -> Iterator[Item]:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - bytes
            yield from manifest.read_manifest(file, identity.file_uri(path))
    except OSError as error:
        raise UserError(f"the manifest {_shown(path)} cannot be read: {refusal_of(error).message}") from None


def _manifest_in_bucket(source: str) -> Iterator[Item]:
    """Read a manifest through a file on disk: Parquet is read from its end, and a listing may take hours."""
    from transforms.sources.bucket import download

    scheme, _, rest = source.partition("://")
    name, _, key = rest.partition("/")
    with tempfile.TemporaryFile() as file:
        download(scheme, name, key, file)
        file.seek(0)
        yield from manifest.read_manifest(file, identity.object_uri(scheme, name, key))


class _Own:
    """The output, as what must not come in again."""

    def __init__(self, output: str | None):
        self.uris: tuple[str, ...] = ()
        self.folders: tuple[bytes, ...] = ()
        if output is None:
            return
        try:
            uri = identity.canonical_uri(output.rstrip("/") or "/")
        except RefusalError:
            self.uris = (output.rstrip("/"),)  # a whole bucket
            return
        self.uris = (uri,)
        if uri.startswith("file:"):
            path = os.path.realpath(identity.file_path(uri))
            self.uris, self.folders = (uri, identity.file_uri(path)), (path,)

    def holds(self, uri: str) -> bool:
        return any(identity.is_below(uri, own) for own in self.uris)


def _without_own(items: Iterator[Item], own: _Own, left_out: Counter[str]) -> Iterator[Item]:
    for item in items:
        if item.uri and own.holds(item.uri):
            left_out["own output"] += 1
        else:
            yield item


def _local_path(source: str) -> bytes:
    try:
        return identity.file_path(identity.canonical_uri(source))
    except RefusalError as refusal:
        raise UserError(f"the input {source}: {refusal.message}") from None


def _shown(path: bytes) -> str:
    return os.fsdecode(path).encode("utf-8", "backslashreplace").decode().replace("\n", "\\n")
