"""Where results go: a folder, or a prefix of a bucket; and how each library is told to reach it."""

import errno
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from transforms.errors import UserError
from transforms.identity import file_uri, object_uri

STATE = "_state"
"""The folder under a local output for what can be made again: indexes, unfinished files."""

_UNNAMEABLE = re.compile(r"[\x00-\x1f\x7f\[\]\\\ud800-\udfff]|%[0-9A-Fa-f]{2}")
"""What delta-rs 1.6 reads as something else, or not at all, in the path of a table."""

_MESSAGE = 400
"""Characters of another library's message that go into a sentence."""


@dataclass(frozen=True, slots=True)
class Output:
    """The place of one run's results: `root` is an absolute path, or `gs://bucket/prefix`, `s3://bucket/prefix`."""

    root: str

    @property
    def scheme(self) -> str:
        """`file`, `gs` or `s3`."""
        return self.root.partition("://")[0] if "://" in self.root else "file"

    def child(self, name: str) -> str:
        """Return the place of something below, as this program's libraries take it: a path or a URI."""
        return f"{self.root}/{name}"

    def uri(self, name: str) -> str:
        """Return the canonical URI of something below, as records name it."""
        if self.scheme == "file":
            return file_uri(self.child(name))
        return object_uri(self.scheme, *self.bucket_and_key(name))

    def bucket_and_key(self, name: str) -> tuple[str, str]:
        """Return bucket and object name of something below."""
        bucket, _, key = self.child(name).partition("://")[2].partition("/")
        return bucket, key

    def state_folder(self) -> Path:
        """Return the local folder for what can be made again; made where it is missing."""
        remote = cache_home() / hashlib.sha256(self.root.encode()).hexdigest()[:16]
        folder = Path(self.root, STATE) if self.scheme == "file" else remote
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(str(folder), error) from None
        return folder


def open_output(text: str) -> Output:
    """Return the output that a user named, to write to; a local folder is made.

    Raises:
        UserError: the place is of no known kind, is a file, or cannot be made or written.
    """
    output = name_output(text)
    if output.scheme == "file":
        folder = Path(output.root)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(str(folder), error) from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise UserError(f"{folder} cannot be written: no permission")
    return output


def name_output(text: str) -> Output:
    """Return the output that a user named, without touching it.

    Raises:
        UserError: the place is of no known kind, or is a file.
    """
    scheme, separator, rest = text.partition("://")
    if separator and scheme in ("gs", "s3"):
        if not rest.partition("/")[0]:
            raise UserError(f"{text} names no bucket: write {scheme}://BUCKET/PREFIX")
        return Output(text.rstrip("/"))
    if separator and scheme != "file":
        raise UserError(
            f"results cannot be written to {scheme}://: give a folder, gs://BUCKET/PREFIX or s3://BUCKET/PREFIX"
        )
    folder = Path(rest if separator else text).expanduser().absolute()
    if _UNNAMEABLE.search(str(folder)):
        raise UserError(
            f"{str(folder)!r} cannot hold tables: the name has one of [ ] \\ %20, a control or a broken character"
        )
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: give a folder for the results")
    return Output(str(folder))


def unwritable(place: str, error: OSError) -> UserError:
    """Return the sentence for a place that nothing more can be written to."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(f"{place} cannot be written: the disk is full; make room and run the same command again")
    return UserError(f"{place} cannot be written: {(error.strerror or str(error)).lower()}")


def one_line(error: BaseException) -> str:
    """Return an error's message on one line, without the colours and drawings that delta-rs puts into it."""
    plain = re.sub(r"\x1b\[[0-9;]*m|↳", "", str(error))
    text = " ".join(plain.split()) or type(error).__name__
    return text if len(text) <= _MESSAGE else text[: _MESSAGE - 1] + "…"


def cache_home() -> Path:
    """Return the user's cache folder for this program."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vitrine"


def table_options(uri: str) -> dict[str, str]:
    """Return what delta-rs needs to reach a place, from the environment variables that the clients of each store use.

    `STORAGE_EMULATOR_HOST` (Cloud Storage) and `AWS_ENDPOINT_URL` (S3) name another server than the vendor's own.
    """
    if uri.startswith("gs://") and (host := os.environ.get("STORAGE_EMULATOR_HOST")):
        base = host if "://" in host else f"http://{host}"
        account = {
            "gcs_base_url": base,
            "disable_oauth": True,
            "client_email": "",
            "private_key": "",
            "private_key_id": "",
        }
        return {"google_service_account_key": json.dumps(account), "allow_http": "true"}
    if uri.startswith("s3://"):
        # Two writers must not both create one version of the log: the store itself has to refuse the second.
        options = {"aws_conditional_put": "etag"}
        if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
            options |= {"aws_endpoint_url": endpoint, "allow_http": str(endpoint.startswith("http://")).lower()}
        return options
    return {}
