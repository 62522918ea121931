"""An address that somebody else wrote reaches the public Internet or nothing; a server can neither hold nor flood us."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import example, given
from hypothesis import strategies as st

from transforms import identity
from transforms.errors import RefusalError
from transforms.fetch import FetchSettings, fetch, web
from transforms.imaging.codec.limits import DecodeLimits
from transforms.records import ImageEvent

LIMITS = DecodeLimits(max_bytes=100_000)
QUICK = FetchSettings(attempts=1, attempt_s=5, total_s=5)
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """A web server whose answers the test writes; it remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        self.place = f"127.0.0.1:{self.server_address[1]}"

    def address(self, path: str = "/a.jpg", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server_address[1]}{path}"

    def get_request(self):
        self.connections += 1
        return super().get_request()

    def handle_error(self, request, client_address) -> None:
        """A client that hangs up is what several tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        self.server.answers.get(self.path.partition("?")[0], says(404))(self)

    def log_message(self, *_: object) -> None:
        pass


def says(status: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def settings(server: Server) -> FetchSettings:
    return replace(QUICK, private_hosts=(server.place,))


def read(address: str, settings: FetchSettings, limits: DecodeLimits = LIMITS) -> bytes:
    uri, location = identity.locate(address)
    return fetch(ImageEvent("e", uri, location=location), settings, limits)


def refused(address: str, settings: FetchSettings = QUICK) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        read(address, settings)
    return caught.value


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Name -> what each look-up of it answers, the last one for ever; other names do not exist."""
    table: dict[str, list[list[str]]] = {}

    def look_up(host: str, port: int, *_: object, **__: object):
        try:
            socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
            found = [host]
        except OSError:
            if host not in table:
                raise socket.gaierror(socket.EAI_NONAME, "no such name") from None
            found = table[host].pop(0) if len(table[host]) > 1 else table[host][0]
        kinds = [(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip) for ip in found]
        return [(kind, socket.SOCK_STREAM, 6, "", (ip, port)) for kind, ip in kinds]

    monkeypatch.setattr(web.socket, "getaddrinfo", look_up)
    return table


@pytest.fixture
def no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(_: socket.socket, address: object) -> None:
        pytest.fail(f"connected to {address}")

    monkeypatch.setattr(socket.socket, "connect", connect)


TRICKS = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://2130706433/",
    "https://0/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[0:0:0:0:0:ffff:a9fe:a9fe]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fd00:ec2::254]/latest/meta-data/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/latest/meta-data/",
    "https://10.0.0.1/",
    "https://172.16.5.4/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://100.100.100.200/latest/meta-data/",
    "https://168.63.129.16/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://１２７.0.0.1/",
    "https://127。0。0。1/",
    "http://1.1.1.1/",
    "https://1.1.1.1:22/",
    "https://1.1.1.1:8443/",
    "https://1.1.1.1:80/",
]


@pytest.mark.parametrize("address", TRICKS)
def test_trick_addresses_reach_nothing(address: str, no_connections: None) -> None:
    assert refused(address).code == "forbidden_location"


@pytest.mark.parametrize(
    "address",
    [
        "https://user@1.1.1.1/",
        "https://1.1.1.1:443@127.0.0.1/",
        "https://1.1.1.1\\@127.0.0.1/",
        "https://127.0.0.1 .example.com/",
        "https://exa\nmple.com/",
        "https://[::1/",
        "https://1.1.1.1:999999/",
        "gopher://127.0.0.1/",
        "https:///127.0.0.1/",
    ],
)
def test_addresses_that_two_readers_could_read_differently_are_no_addresses(address: str, no_connections: None) -> None:
    assert refused(address).code == "bad_uri"


@given(
    st.text(max_size=30), st.sampled_from(["https://", "https://a.example", "http://[::1]", "https://a.example:8443"])
)
@example("\\@127.0.0.1/", "https://a.example")
@example("@127.0.0.1/", "https://a.example")
@example("#@127.0.0.1/", "https://a.example")
@example("?@127.0.0.1:1/", "https://a.example")
def test_who_checks_and_who_connects_read_the_same_host_and_port(text: str, start: str) -> None:
    try:
        uri, location = identity.locate(start + text)
    except RefusalError:
        return
    address = location or uri
    checked, used = urlsplit(address), urllib3.util.parse_url(address)
    assert (checked.scheme, checked.hostname, checked.port) == (used.scheme, (used.host or "").strip("[]"), used.port)


def test_a_name_is_judged_by_where_it_leads(names: dict[str, list[list[str]]], no_connections: None) -> None:
    names["inside.example"] = [["10.0.0.8"]]
    names["half.example"] = [["1.1.1.1", "127.0.0.1"]]
    names["metadata.google.internal"] = [["169.254.169.254"]]
    for host in names:
        said = refused(f"https://{host}/a.jpg")
        assert said.code == "forbidden_location" and host in said.message


def test_a_name_that_leads_elsewhere_a_moment_later_changes_nothing(
    names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    names["rebind.example"] = [["1.1.1.1"], ["127.0.0.1"]]
    tried: list[object] = []

    def connect(_: socket.socket, address: object) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    refused("https://rebind.example/a.jpg")
    assert tried == [("1.1.1.1", 443)]


def test_the_address_that_the_connection_has_is_checked_too(
    names: dict[str, list[list[str]]], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    names["public.example"] = [["1.1.1.1"]]
    really = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", lambda self, _: really(self, server.server_address))
    assert refused("https://public.example/a.jpg").code == "forbidden_location"
    assert server.asked == []


def test_only_listed_hosts_where_a_list_is_given(names: dict[str, list[list[str]]], no_connections: None) -> None:
    only = replace(QUICK, https_hosts=("img.example", ".cdn.example"))
    for host in ("evil.example", "evilimg.example", "img.example.evil.example", "notcdn.example"):
        assert "fetch.https_hosts" in refused(f"https://{host}/", only).message
    for host in ("img.example", "IMG.example.", "a.b.cdn.example", "cdn.example"):
        assert "looked up" in refused(f"https://{host}/", only).message


def test_a_photo_comes_back_and_no_credential_goes_out(
    server: Server, settings: FetchSettings, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for proxy in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(proxy, "http://user:secret@127.0.0.1:1")
    server.answers["/a.jpg"] = says(200, b"photo", Set_Cookie="session=1")
    for _ in range(3):
        assert read(server.address("/a.jpg?X-Amz-Signature=s"), settings) == b"photo"
    assert server.connections == 1
    for path, headers in server.asked:
        assert path == "/a.jpg?X-Amz-Signature=s"
        assert not {name.lower() for name in headers} & {"authorization", "cookie", "proxy-authorization", "referer"}


def test_an_address_of_our_own_network_needs_its_port_named(server: Server) -> None:
    assert refused(server.address(), replace(QUICK, private_hosts=("127.0.0.1:1",))).code == "forbidden_location"
    assert server.connections == 0


def test_a_private_host_may_be_an_ipv6_address(no_connections: None) -> None:
    ours = replace(QUICK, private_hosts=("[::1]:8080",))
    web.check_address("http://[::1]:8080/a", ours)
    assert refused("http://[::1]:8081/a", ours).code == "forbidden_location"


@pytest.mark.parametrize(
    "target",
    [
        "https://127.0.0.1/a",
        "http://127.0.0.1:1/a",
        "//169.254.169.254/a",
        "http://1.1.1.1/a",
        "file:///etc/passwd",
        "gs://bucket/a",
        "https://10.0.0.1/a",
    ],
)
def test_a_redirect_is_checked_like_the_first_address(server: Server, settings: FetchSettings, target: str) -> None:
    server.answers["/a.jpg"] = says(302, Location=target)
    assert refused(server.address(), settings).code == "forbidden_location"


def test_redirects_are_followed_some_times(server: Server, settings: FetchSettings) -> None:
    server.answers["/a.jpg"] = says(301, b"moved", Location="b/ü.jpg".encode().decode("latin-1"))
    server.answers["/b/%C3%BC.jpg"] = says(307, Location="/c.jpg")
    server.answers["/c.jpg"] = says(200, b"photo")
    assert read(server.address(), settings) == b"photo"
    server.answers["/c.jpg"] = says(308, Location="/a.jpg")
    assert "redirects" in refused(server.address(), settings).message
    assert len(server.asked) == 3 + settings.redirects + 1
    server.answers["/a.jpg"] = says(302)
    assert refused(server.address(), settings).code == "fetch_failed"
    for target in ("https://user:secret@1.1.1.1/", "ftp://1.1.1.1/"):
        server.answers["/a.jpg"] = says(302, Location=target)
        assert refused(server.address(), settings).code == "bad_uri"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *((404, "not_found"), (410, "not_found"), (401, "permission_denied"), (403, "permission_denied")),
        *((400, "fetch_failed"), (418, "fetch_failed"), (206, "fetch_failed"), (503, "fetch_failed")),
        (200, "empty_file"),
    ],
)
def test_what_the_server_answers_has_a_code(server: Server, settings: FetchSettings, status: int, code: str) -> None:
    server.answers["/a.jpg"] = says(status)
    assert refused(server.address(), settings).code == code


def test_what_may_pass_is_tried_again_and_what_will_not_is_not(server: Server, settings: FetchSettings) -> None:
    patient = replace(settings, attempts=4, pause_s=0.01)
    for status, requests in ((503, 4), (429, 4), (500, 4), (404, 1), (403, 1), (400, 1)):
        server.asked.clear()
        server.answers["/a.jpg"] = says(status)
        refused(server.address(), patient)
        assert len(server.asked) == requests, status
    turns = iter([says(503), says(502), says(200, b"photo")])
    server.answers["/a.jpg"] = lambda handler: next(turns)(handler)
    assert read(server.address(), patient) == b"photo"


def test_a_server_that_asks_for_more_time_than_there_is_gets_no_second_request(
    server: Server, settings: FetchSettings
) -> None:
    server.answers["/a.jpg"] = says(429, Retry_After="3600")
    began = time.monotonic()
    refused(server.address(), replace(settings, attempts=4))
    assert len(server.asked) == 1 and time.monotonic() - began < 2


def test_a_body_beyond_the_limit_is_not_read(server: Server, settings: FetchSettings) -> None:
    sent = []

    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
            sent.append(0x8000)

    server.answers["/a.jpg"] = says(200, b"x" * 100_001)
    server.answers["/flood"] = flood
    server.answers["/bomb"] = says(200, gzip.compress(b"\0" * 50_000_000), Content_Encoding="gzip")
    for path in ("/a.jpg", "/flood", "/bomb"):
        assert refused(server.address(path), settings).code == "too_many_bytes", path
    assert sum(sent) < 30_000_000
    server.answers["/a.jpg"] = says(200, b"x" * 100_000)
    assert len(read(server.address(), settings)) == 100_000


def test_an_encoding_that_was_not_asked_for_is_undone(server: Server, settings: FetchSettings) -> None:
    server.answers["/a.jpg"] = says(200, gzip.compress(b"photo"), Content_Encoding="gzip")
    assert read(server.address(), settings) == b"photo"


def trickle(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "50000")
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def trickle_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-A: ")
    for _ in range(200):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def trickle_without_length(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
    trickle_headers(handler)


def silence(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(8)


@pytest.mark.parametrize("slow", [trickle, trickle_headers, trickle_without_length, silence])
def test_a_server_that_dawdles_is_left_when_the_time_is_up(
    server: Server, settings: FetchSettings, slow: Answer
) -> None:
    server.answers["/a.jpg"] = slow
    began = time.monotonic()
    said = refused(server.address(), replace(settings, attempt_s=0.6, total_s=0.6))
    assert said.code == "fetch_timeout"
    assert time.monotonic() - began < 2


def test_a_time_out_after_keeping_the_connection_open_is_one_too(server: Server, settings: FetchSettings) -> None:
    server.answers["/a.jpg"] = says(200, b"photo")
    read(server.address(), settings)
    server.answers["/a.jpg"] = trickle
    assert refused(server.address(), replace(settings, attempt_s=0.6, total_s=0.6)).code == "fetch_timeout"
    server.answers["/a.jpg"] = says(200, b"photo")
    assert read(server.address(), settings) == b"photo"


def test_a_body_that_breaks_off_is_never_taken_for_a_photo(server: Server, settings: FetchSettings) -> None:
    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "50000")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.close_connection = True

    server.answers["/a.jpg"] = cut
    assert refused(server.address(), settings).code == "fetch_failed"


def test_a_port_where_nobody_listens_and_one_that_speaks_no_http(settings: FetchSettings) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{unused.getsockname()[1]}"
        assert refused(f"http://{place}/", replace(QUICK, private_hosts=(place,))).code == "fetch_failed"


def test_a_look_up_that_hangs_is_left_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(web.socket, "getaddrinfo", lambda *_, **__: ended.wait(10))
    began = time.monotonic()
    assert refused("https://slow.example/", replace(QUICK, attempt_s=0.4, total_s=0.4)).code == "fetch_timeout"
    assert time.monotonic() - began < 2
    ended.set()


def test_many_fetches_at_once_share_few_connections(server: Server, settings: FetchSettings) -> None:
    server.answers["/a.jpg"] = says(200, b"photo")
    results: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: results.extend(read(server.address(), settings) for _ in range(20)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [b"photo"] * 160
    assert server.connections <= 16
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(1)
            assert not thread.is_alive()


def test_tls_proves_the_name_and_not_only_the_address(
    server: Server,
    settings: FetchSettings,
    tmp_path,
    monkeypatch: pytest.MonkeyPatch,
    names: dict[str, list[list[str]]],
) -> None:
    certificate = make_certificate("img.example")
    (tmp_path / "server.pem").write_bytes(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.answers["/a.jpg"] = says(200, b"photo")
    names["img.example"] = names["other.example"] = [["127.0.0.1"]]
    port = server.server_address[1]
    ours = replace(QUICK, private_hosts=(f"img.example:{port}", f"other.example:{port}"), attempts=3)
    assert "CERTIFICATE_VERIFY_FAILED" in refused(f"https://img.example:{port}/a.jpg", ours).message
    assert server.connections == 1, "a wrong certificate is not asked for again"

    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    trusting = replace(ours, redirects=4)
    assert read(f"https://img.example:{port}/a.jpg", trusting) == b"photo"
    assert "CERTIFICATE_VERIFY_FAILED" in refused(f"https://other.example:{port}/a.jpg", trusting).message


def make_certificate(host: str) -> bytes:
    """Return a key and a certificate that the key signed itself, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    start = datetime.now(UTC) - timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
