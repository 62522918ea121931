"""Who a photo is: its canonical URI, its generation as one sortable string, and the id of the event that names it.

A photo version is (uri, generation). Both are made here and nowhere else, so that the same photo is the same text
whether a folder, a manifest or a message named it.
"""

import hashlib
import os
import re
from datetime import UTC, datetime
from urllib.parse import quote_from_bytes, unquote_to_bytes

from transforms.errors import RefusalError

SCHEMES = ("file", "gs", "s3", "https", "http")
MAX_URI = 16_384
"""Characters: four times the longest path that Linux takes, so that every byte of one may be escaped."""

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_HAS_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|(?i:file):/")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH_SAFE = "/!$&'()*+,;=:@~"
_DEFAULT_PORTS = {"https": "443", "http": "80"}

_SIGNED_ALWAYS = re.compile(r"x-(goog|amz|oss|cos)-", re.IGNORECASE)
_SIGNED_BY = {
    # A short name such as `sp` or `expires` is a signature's only beside the signature itself.
    name: frozenset(beside.split()) | {name}
    for name, beside in (
        ("signature", "expires googleaccessid awsaccesskeyid ossaccesskeyid security-token key-pair-id policy"),
        ("sig", "sv ss srt sr sp st se spr sip si skoid sktid skt ske sks skv saoid suoid scid sdd ses sduoid"),
        ("q-signature", "q-sign-algorithm q-ak q-sign-time q-key-time q-header-list q-url-param-list"),
    )
}
"""The parameter that carries the signature -> the parameters that come with it, in lower case.

From the signed-URL pages of Cloud Storage (V2 and V4), S3 (V2 and V4), CloudFront, Azure (SAS), OSS and COS.
"""


_KINDS = tuple(
    re.compile(kind)
    for kind in (
        r"[0-9]{20}",  # a counter
        r"mtime:[0-9]{20}",
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{15}Z(-.*)?",  # a time, of an event or of a listing
        r"[0-9A-F]+",  # a sequencer
    )
)
"""The kinds of generations whose text order is their order."""


def canonical_uri(text: str, folder: str | None = None) -> str:
    """Write a URI, or a plain path, in the one form that names the photo; a second pass changes nothing.

    Signatures are stripped, scheme and host lower-cased, `file:` made absolute, bytes that a URI may not hold
    percent-encoded (surrogate escapes count as the bytes they stand for). `gs` and `s3` names may hold `?` and `#`.

    Args:
        text: a URI of one of `SCHEMES`, or a path without a scheme, whose every character counts as itself.
        folder: the canonical URI that a path without a scheme is relative to; None: the working directory.

    Raises:
        RefusalError: `bad_uri`.
    """
    return locate(text, folder)[0]


def locate(text: str, folder: str | None = None) -> tuple[str, str | None]:
    """Return `canonical_uri(text, folder)`, and where the bytes are read when that is not the same.

    The second is the URI with its signature (https), or with `?versionId=` (s3); None where there is neither.

    Raises:
        RefusalError: `bad_uri`.
    """
    if not text or text.isspace():
        raise RefusalError("bad_uri", "the URI is empty")
    if len(text) > MAX_URI:
        raise RefusalError("bad_uri", f"the URI has {len(text):,} characters; the limit is {MAX_URI:,}")
    try:
        if not _HAS_SCHEME.match(text):
            return _beside(text, folder), None
        uri, location = _located(text)
    except UnicodeEncodeError:
        raise RefusalError("bad_uri", "the URI holds half of a character (a lone surrogate)") from None
    return uri, None if location == uri else location


def has_scheme(text: str) -> bool:
    """Tell whether a text is a URI, not a plain path."""
    return _HAS_SCHEME.match(text) is not None


def file_uri(path: str | bytes) -> str:
    """Return the `file://` URI of a local path; the path is made absolute, symbolic links are kept."""
    raw = os.fsencode(path)
    if b"\0" in raw:
        raise RefusalError("bad_uri", "a file name cannot hold a zero byte")
    if not raw.startswith(b"/"):
        raw = os.getcwdb() + b"/" + raw  # noqa: PTH109 - pathlib takes no bytes
    parts: list[bytes] = []
    for part in raw.split(b"/"):
        if part == b"..":
            # `link/..` is not the folder that holds `link`: only the file system knows what it is.
            parts = os.path.realpath(b"/" + b"/".join([*parts, part])).split(b"/")[1:]
        elif part not in (b"", b"."):
            parts.append(part)
    return "file:///" + quote_from_bytes(b"/".join(p for p in parts if p), _PATH_SAFE)


def file_path(uri: str) -> bytes:
    """Return the local path of a canonical `file://` URI, as the bytes that the file system knows.

    Raises:
        RefusalError: `bad_uri` for another scheme.
    """
    if not uri.startswith("file:///"):
        raise RefusalError("bad_uri", "not the URI of a local file")
    return unquote_to_bytes(uri.removeprefix("file://"))


def object_uri(scheme: str, bucket: str, name: str) -> str:
    """Return the canonical URI of an object in a bucket, from its name as the store lists it."""
    return f"{scheme}://{bucket}/{quote_from_bytes(name.encode('utf-8', 'surrogateescape'), _PATH_SAFE)}"


def object_name(uri: str) -> tuple[str, str]:
    """Return the bucket and the name of the object that a canonical `gs://` or `s3://` URI stands for.

    Raises:
        RefusalError: `bad_uri` for another scheme.
    """
    scheme, _, rest = uri.partition("://")
    if scheme not in ("gs", "s3"):
        raise RefusalError("bad_uri", "not the URI of an object in a bucket")
    bucket, _, name = rest.partition("/")
    return bucket, unquote_to_bytes(name).decode("utf-8")


def pin_of(location: str | None) -> dict[str, str]:
    """Return what a location names beside the photo (`versionId` or `etag` of s3://), by name."""
    query = (location or "").partition("?")[2]
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {name: unquote_to_bytes(value).decode("utf-8", "replace") for name, _, value in pairs}


def event_id(sender: str | None, uri: str, generation: str, source_position: str) -> str:
    """Return the sender's own id, else a hash of the photo version, else of the place where the event was read.

    The version is hashed only where a generation is known: without one, two uploads to one name would be one event. The
    URI is hashed with the place, since line 7 of a manifest may name another photo tomorrow.
    """
    if sender:
        return sender
    if uri and generation:
        return _hash("version", uri, generation)
    return _hash("position", source_position, uri)


def integer_generation(number: int) -> str:
    """Return a store's own counter (a Cloud Storage generation, a version number) as 20 digits.

    Raises:
        ValueError: negative, or 10^20 and more.
    """
    if not 0 <= number < 10**20:
        raise ValueError(f"a generation is a number of at most 20 digits, not {number}")
    return f"{number:020d}"


def sequencer_generation(sequencer: str) -> str:
    """Return S3's sequencer so that text order is its order.

    S3 compares after padding the shorter one with zeros on the right. Leaving the zeros at the end out says the same
    for any two lengths, and needs no longest length. (S3 user guide, "Event message structure".)

    Raises:
        ValueError: not hexadecimal.
    """
    if not re.fullmatch(r"[0-9A-Fa-f]{1,256}", sequencer):
        raise ValueError(f"a sequencer is a hexadecimal number, not {sequencer[:80]!r}")
    return sequencer.upper().rstrip("0") or "0"


def time_generation(moment: datetime) -> str:
    """Return the event's time, UTC to the microsecond, for a source that counts no versions; a naive time is UTC."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def mtime_generation(mtime_ns: int) -> str:
    """Return a local file's time of change, in ns, as 20 digits (before 1970: 0) behind a word that tells it apart."""
    return f"mtime:{max(mtime_ns, 0):020d}"


def file_mtime(generation: str) -> int | None:
    """Return the nanoseconds of a generation that `mtime_generation` made; None for another kind."""
    return int(generation.removeprefix("mtime:")) if re.fullmatch(r"mtime:[0-9]{20}", generation) else None


def is_newer(one: str, other: str) -> bool:
    """Tell whether a generation is known to come after another one: only those of one kind can be compared."""
    kinds = [next((at for at, kind in enumerate(_KINDS) if kind.fullmatch(text)), None) for text in (one, other)]
    return kinds[0] == kinds[1] and kinds[0] is not None and one > other


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _located(text: str) -> tuple[str, str]:
    match = _URI.fullmatch(text)
    assert match is not None  # _HAS_SCHEME is a prefix of _URI, whose other parts take anything
    scheme, place, path, query, fragment = match[1].lower(), *(match[group] or "" for group in (2, 3, 4, 5))
    if scheme == "file":
        return (_canonical_file(place, path + query + fragment),) * 2
    if scheme in ("gs", "s3"):
        name, pin = _unsigned(query, version=scheme == "s3")
        uri = _canonical_object(scheme, place, path + name + fragment)
        return uri, uri + _keep_escapes(pin)
    if scheme in ("https", "http"):
        uri = f"{scheme}://{_canonical_place(scheme, place)}{_remove_dots(_keep_escapes(path)) or '/'}"
        return uri + _keep_escapes(_unsigned(query)[0]), uri + _keep_escapes(query)
    raise RefusalError("bad_uri", f"the scheme {scheme[:40]}: is not served; known are {', '.join(SCHEMES)}")


def _beside(path: str, folder: str | None) -> str:
    """Resolve a plain path against a folder's URI."""
    if folder is None or path.startswith("/"):
        return file_uri(path)
    if folder.startswith("file:"):
        return file_uri(file_path(folder) + b"/" + os.fsencode(path))
    scheme, _, rest = folder.partition("://")
    if scheme not in ("gs", "s3"):
        raise RefusalError("bad_uri", f"a path without a scheme cannot be resolved beside {scheme}://")
    bucket, _, prefix = rest.partition("/")
    name = unquote_to_bytes(prefix).decode("utf-8").rstrip("/") + "/" + path
    return object_uri(scheme, bucket, _remove_dots("/" + name.lstrip("/")).lstrip("/"))


def _canonical_file(place: str, path: str) -> str:
    if place.lower() not in ("", "localhost"):
        raise RefusalError("bad_uri", f"file://{place[:80]}/… names another machine; write file:///path")
    if not path.startswith("/"):
        raise RefusalError("bad_uri", "a file: URI needs an absolute path: file:///path")
    return file_uri(_decoded(path))


def _canonical_object(scheme: str, bucket: str, path: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,222}", bucket):
        raise RefusalError("bad_uri", f"{bucket[:80]!r} is no bucket's name")
    name = _decoded(path.removeprefix("/"))
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        raise RefusalError("bad_uri", "the object's name is not UTF-8") from None
    if not text:
        raise RefusalError("bad_uri", "the URI names a bucket and no object in it")
    return object_uri(scheme, bucket, text)


def _canonical_place(scheme: str, place: str) -> str:
    """Return host and port: lower case, international names in their ASCII form, the scheme's own port left out."""
    if "@" in place:
        raise RefusalError(
            "bad_uri", "the URI carries a user name or password; credentials belong into the configuration"
        )
    host, port = place, ""
    if match := re.fullmatch(r"(.*?):([0-9]*)", place, re.DOTALL):
        host, port = match[1], match[2].lstrip("0")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise RefusalError("bad_uri", "the host is no valid international name") from None
    host = host.lower().removesuffix(".")
    if not _HOST.fullmatch(host) or len(host) > 255 or (port and int(port[:6]) > 65_535):
        raise RefusalError("bad_uri", f"{place[:80]!r} is no host")
    return host if port in ("", _DEFAULT_PORTS[scheme]) else f"{host}:{port}"


def _unsigned(query: str, version: bool = False) -> tuple[str, str]:
    """Leave out of `?a=b&…` what signs it, keeping the order of the rest; "" where nothing is left.

    With `version`, S3's `versionId` is left out as well, and is the second text: "?versionId=…" or "".
    """
    if not query:
        return "", ""
    parameters = query.removeprefix("?").split("&")
    names = [unquote_to_bytes(p.partition("=")[0]).decode("utf-8", "replace").lower() for p in parameters]
    signing = frozenset[str]().union(*(with_it for name, with_it in _SIGNED_BY.items() if name in names))
    kept, pin = [], ""
    for parameter, name in zip(parameters, names, strict=True):
        if version and name == "versionid":
            pin = f"?{parameter}"
        elif not (_SIGNED_ALWAYS.match(name) or name in signing):
            kept.append(parameter)
    return ("?" + "&".join(kept) if kept and kept != [""] else ""), pin


def _decoded(text: str) -> bytes:
    """Undo percent-encoding; a `%` that starts no escape stands for itself."""
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape"))


def _keep_escapes(text: str) -> str:
    """Normalize an https path or query (RFC 3986, 6.2.2).

    An escape may mean something else than its character, so all but those of letters, digits and `-._~` stay; escapes
    are written in capitals, and what may not stand in a URI is escaped.
    """

    def escape(match: re.Match[str]) -> str:
        if match[1] is None:
            return "%25"
        byte = int(match[1], 16)
        return chr(byte) if byte in _UNRESERVED else f"%{byte:02X}"

    plain = _ESCAPE.sub(escape, text)
    return quote_from_bytes(plain.encode("utf-8", "surrogateescape"), "%/?!$&'()*+,;=:@~")


def _remove_dots(path: str) -> str:
    """Resolve `.` and `..` in an absolute path (RFC 3986, 5.2.4)."""
    kept: list[str] = []
    parts = path.split("/")
    for index, part in enumerate(parts):
        if part not in (".", ".."):
            kept.append(part)
            continue
        if part == ".." and len(kept) > 1:
            kept.pop()
        if index == len(parts) - 1:
            kept.append("")
    return "/".join(kept)


def folder_of(uri: str) -> str:
    """Return the canonical URI of the folder that holds the file or object of `uri`, without a slash at the end."""
    return uri.rpartition("/")[0] or uri


def is_below(uri: str, folder: str) -> bool:
    """Tell whether `uri` is `folder` or lies in it; both canonical, compared as text."""
    folder = folder.rstrip("/")
    return uri == folder or uri.startswith(folder + "/")
