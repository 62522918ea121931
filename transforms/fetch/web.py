"""Read an https address that somebody else wrote, and reach nothing but the public Internet by it.

The address that is checked is the one that the connection has: the name is looked up once, here, and the connection is made
to what was found and checked, so a name that points elsewhere a moment later changes nothing. TLS still proves the name.
Each redirect starts over. No proxy, no cookie, no credential of this machine is ever used.
"""

import functools
import queue
import re
import socket
import threading
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, LocationValueError, NewConnectionError, SSLError

from transforms import identity
from transforms.errors import RefusalError
from transforms.fetch.addresses import why_refused
from transforms.fetch.deadline import Deadline, current, deadline
from transforms.fetch.limits import Bounded, FetchSettings, PassingError, too_many_bytes
from transforms.records import ImageEvent

CONNECT_S = 5.0
"""Seconds for each address of a host to answer at all."""

_HEADERS = {"User-Agent": "vitrine", "Accept": "image/*,*/*;q=0.1", "Accept-Encoding": "identity"}
_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_CODES = {401: "permission_denied", 403: "permission_denied", 404: "not_found", 407: "permission_denied"}
_CODES |= {410: "not_found", 451: "permission_denied"}


def read_address(event: ImageEvent, settings: FetchSettings, max_bytes: int, left_s: float) -> bytes:
    """Read what an https event names, in one attempt.

    Args:
        event: its `location`, or else its `uri`, is read.
        settings: which hosts and ports, how many redirects.
        max_bytes: of the body, after any content encoding is undone.
        left_s: seconds for everything: names, connections, redirects, body.

    Raises:
        RefusalError: forbidden_location, not_found, permission_denied, too_many_bytes, bad_uri, fetch_failed.
        PassingError: it may go better another time.
    """
    address = event.location or event.uri
    with deadline(left_s) as ends:
        for _ in range(settings.redirects + 1):
            check_address(address, settings)
            answer = _ask(address, settings, ends)
            try:
                if answer.status not in _REDIRECTS:
                    return _body(answer, max_bytes, ends)
                address = _next_address(address, answer)
            finally:
                # A body that was read to its end has given its connection back; one that was not takes it along.
                answer.close()
    raise RefusalError("fetch_failed", f"more than {settings.redirects} redirects")


def check_address(address: str, settings: FetchSettings) -> None:
    """Check scheme, host and port of an address, before anything is looked up.

    Raises:
        RefusalError: forbidden_location.
    """
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if _is_private(host, port, settings):
        return
    if parts.scheme != "https":
        raise RefusalError(
            "forbidden_location", "only https is fetched; plain http only of hosts in fetch.private_hosts"
        )
    if port not in settings.https_ports:
        raise RefusalError("forbidden_location", f"port {port} is not among fetch.https_ports")
    if settings.https_hosts and not any(_covers(allowed, host) for allowed in settings.https_hosts):
        raise RefusalError("forbidden_location", f"the host {host} is not among fetch.https_hosts")


def _ask(address: str, settings: FetchSettings, ends: Deadline) -> Any:
    timeout = urllib3.Timeout(connect=min(CONNECT_S, ends.left()), read=ends.left())
    try:
        return _pools(settings).urlopen(
            "GET", address, headers=_HEADERS, timeout=timeout, retries=False, redirect=False, preload_content=False
        )
    except LocationValueError as error:
        raise RefusalError("bad_uri", _one_line(error)) from None
    except (HTTPError, OSError) as error:
        raise _failure(error, ends) from None


def _body(answer: Any, max_bytes: int, ends: Deadline) -> bytes:
    if answer.status != 200:
        code = _CODES.get(answer.status, "fetch_failed")
        refusal = RefusalError(code, f"the server answered {answer.status}")
        if answer.status in _PASSING:
            raise PassingError(refusal, _retry_after(answer))
        raise refusal
    length = answer.headers.get("Content-Length", "")
    if length.isascii() and length.isdigit() and int(length) > max_bytes:
        raise too_many_bytes(int(length), max_bytes)
    body = Bounded(max_bytes)
    try:
        for piece in answer.stream(1 << 16, decode_content=True):
            body.write(piece)
    except (HTTPError, OSError) as error:
        raise _failure(error, ends) from None
    if ends.passed:
        # A body without a length ends where the connection does, and this connection was ended by us.
        raise _too_slow()
    return body.whole()


def _failure(error: Exception, ends: Deadline) -> Exception:
    slow = isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError) and not isinstance(
        error, NewConnectionError
    )
    if ends.passed or slow:
        return _too_slow()
    refusal = RefusalError("fetch_failed", _one_line(error))
    if isinstance(error, SSLError):
        return refusal  # a certificate does not become right by asking again
    return PassingError(refusal)


def _too_slow() -> PassingError:
    return PassingError(RefusalError("fetch_timeout", "the server did not send the whole photo in time"))


def _next_address(address: str, answer: Any) -> str:
    target = answer.headers.get("Location")
    if not target:
        raise RefusalError("fetch_failed", f"the server answered {answer.status} without an address")
    # A header's bytes arrive as Latin-1; `locate` escapes what is no ASCII as the server wrote it.
    joined = urljoin(address, target.encode("latin-1", "replace").decode("utf-8", "surrogateescape"))
    uri, location = identity.locate(joined) if identity.has_scheme(joined) else ("", None)
    if not uri.startswith(("https://", "http://")):
        raise RefusalError("forbidden_location", "the server led to an address that is not https")
    return location or uri


def _retry_after(answer: Any) -> float:
    said = answer.headers.get("Retry-After", "")
    return min(float(said), 3_600.0) if re.fullmatch(r"[0-9]{1,6}", said) else 0.0


class _Checked:
    """A connection to an address that was looked up and checked here; mixed into urllib3's own classes."""

    settings: FetchSettings
    host: str
    port: int
    timeout: Any
    sock: Any

    def _new_conn(self) -> socket.socket:
        ends = current()
        assert ends is not None  # only read_address asks
        found = _look_up(self.host, self.port, ends)
        private = _is_private(self.host, self.port, self.settings)
        for *_, address in found:
            # One address of ours among a name's public ones is enough to refuse it: which is used is not ours to say.
            if why := why_refused(str(address[0]), private):
                raise RefusalError("forbidden_location", f"{self.host} is {address[0]}: {why}")
        failure: HTTPError = NewConnectionError(self, "the host has no address")  # type: ignore[arg-type]
        for family, kind, protocol, _, address in found:
            connection = socket.socket(family, kind, protocol)
            try:
                ends.watch(connection)
                connection.settimeout(min(CONNECT_S, ends.left()))
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.connect(address)
            except TimeoutError:
                connection.close()
                failure = ConnectTimeoutError(self, "no connection in time")
                continue
            except OSError as error:
                connection.close()
                failure = NewConnectionError(self, f"no connection: {_one_line(error)}")  # type: ignore[arg-type]
                continue
            reached = str(connection.getpeername()[0])
            if why := why_refused(reached, private):
                connection.close()
                raise RefusalError("forbidden_location", f"{self.host} is {reached}: {why}")
            return connection
        raise failure

    def request(self, *given: Any, **named: Any) -> Any:
        """Watch a connection that is used again."""
        ends = current()
        if self.sock is not None and ends is not None:
            ends.watch(self.sock)
        return super().request(*given, **named)  # type: ignore[misc]


def _look_up(host: str, port: int, ends: Deadline) -> list[Any]:
    """Look a name up, for no longer than is left.

    The system's own call cannot be interrupted: one that hangs is left behind in a thread of its own, which keeps neither
    other look-ups nor the end of the process waiting.

    Raises:
        RefusalError: fetch_failed, where no such name exists.
        PassingError: no answer.
    """
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        answer = answers.get(timeout=ends.left())
    except queue.Empty:
        raise PassingError(RefusalError("fetch_timeout", f"the name {host} was not looked up in time")) from None
    if isinstance(answer, UnicodeError):
        raise RefusalError("bad_uri", f"{host[:80]} is no host")
    if isinstance(answer, OSError):
        refusal = RefusalError("fetch_failed", f"the name {host} cannot be looked up: {answer.strerror}")
        raise refusal if answer.errno == socket.EAI_NONAME else PassingError(refusal)
    return list(answer)


class _CheckedHTTP(_Checked, HTTPConnection):
    pass


class _CheckedHTTPS(_Checked, HTTPSConnection):
    pass


@functools.lru_cache(maxsize=4)
def _pools(settings: FetchSettings) -> urllib3.PoolManager:
    """Return the connections that are kept open, for one set of rules: those of other rules were checked by others."""
    pools = urllib3.PoolManager(num_pools=64, maxsize=32)
    https = type("_HTTPS", (_CheckedHTTPS,), {"settings": settings})
    http = type("_HTTP", (_CheckedHTTP,), {"settings": settings})
    pools.pool_classes_by_scheme = {
        "https": type("_HTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": https}),
        "http": type("_HTTPPool", (HTTPConnectionPool,), {"ConnectionCls": http}),
    }
    return pools


def _is_private(host: str, port: int, settings: FetchSettings) -> bool:
    # urllib3 and urlsplit differ on the brackets of an IPv6 address.
    return f"{host.strip('[]')}:{port}" in {re.sub(r"[\[\]]", "", place).lower() for place in settings.private_hosts}


def _covers(allowed: str, host: str) -> bool:
    allowed = allowed.lower()
    return host == allowed or (allowed.startswith(".") and (host.endswith(allowed) or host == allowed[1:]))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
