"""Real servers on 127.0.0.1, one of each kind for the whole run; `make test-servers` runs what needs them.

Where something that a server needs is missing, its tests are skipped and say what; in CI (`CI` is set) they fail.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "servers"
BUILD_S = 900
"""Building the first time fetches and compiles some hundred Go modules."""

sys.path.insert(0, str(HERE))  # for the servers
sys.path.insert(0, str(HERE.parent / "pipelines" / "streaming"))  # for `stream_parts`
sys.path.insert(0, str(HERE.parent / "transforms" / "sinks"))  # for `sink_rows`


def missing(what):
    """Skip the test, or fail it in CI."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"needs {what}")


def go_program(name, what):
    """Build a server of the folder `name`, once for each state of its source; `what` is needed for that."""
    source = HERE / name
    files = sorted([*source.glob("*.go"), source / "go.mod", source / "go.sum"])
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    program = CACHE / f"{name}-{digest}"
    if program.exists():
        return program
    if not shutil.which("go"):
        missing(what)
    CACHE.mkdir(parents=True, exist_ok=True)
    part = CACHE / f"{program.name}.{os.getpid()}"
    built = subprocess.run(
        ["go", "build", "-trimpath", "-o", part, "."], cwd=source, capture_output=True, text=True, timeout=BUILD_S
    )
    if built.returncode:
        missing(f"what `go build` could not make: {' '.join(built.stderr.split())[-400:]}")
    part.replace(program)
    return program


@pytest.fixture(scope="session")
def gcs_program():
    """The Cloud Storage fake."""
    return go_program("gcs", "Go 1.26 or newer (https://go.dev/dl) to build a Cloud Storage server")


@pytest.fixture(scope="session")
def gcs(gcs_program):
    """A Cloud Storage server; `STORAGE_EMULATOR_HOST` names it to every client here and in child processes."""
    process = subprocess.Popen([gcs_program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("STORAGE_EMULATOR_HOST", address)
            yield address
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture(scope="session")
def s3():
    """An S3 server; the AWS variables name it to every client here and in child processes."""
    # A process of its own: some calls of delta-rs hold Python's lock while they wait, and a thread could not answer.
    script = (
        "import os, threading; from moto.server import ThreadedMotoServer; out = os.dup(1); os.dup2(2, 1);"
        "server = ThreadedMotoServer('127.0.0.1', 0); server.start();"
        "os.write(out, ('http://%s:%d\\n' % server.get_host_and_port()).encode()); threading.Event().wait()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with pytest.MonkeyPatch.context() as environment:
            for name, value in {
                "AWS_ENDPOINT_URL": address,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
            }.items():
                environment.setenv(name, value)
            environment.delenv("AWS_ENDPOINT_URL_S3", raising=False)
            yield address
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture(scope="session")
def pubsub():
    """A Pub/Sub server; `PUBSUB_EMULATOR_HOST` names it to every client here and in child processes."""
    program = go_program("pubsub", "Go 1.26 or newer (https://go.dev/dl) to build a Pub/Sub server")
    process = subprocess.Popen([program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("127.0.0.1:")
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("PUBSUB_EMULATOR_HOST", address)
            yield address
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """A Kafka broker."""
    import kafka_broker

    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        broker = kafka_broker.Broker(kafka_broker.jars(CACHE), tmp_path_factory.mktemp("kafka"))
    except kafka_broker.MissingError as error:
        missing(error)
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def flink(tmp_path_factory):
    """A Flink cluster, whose workers find what the tests put in place of the pixels."""
    import flink_cluster
    import kafka_broker

    CACHE.mkdir(parents=True, exist_ok=True)
    paths = ":".join(map(str, (HERE, HERE.parent / "pipelines" / "streaming", HERE.parents[1])))
    try:
        cluster = flink_cluster.Cluster(flink_cluster.jars(CACHE), tmp_path_factory.mktemp("flink"), paths)
    except kafka_broker.MissingError as error:
        missing(error)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()


@pytest.fixture
def gs_bucket(gcs):
    """The name of a new bucket of the Cloud Storage server."""
    from transforms.stores import cloud_storage

    name = f"b{uuid.uuid4().hex[:12]}"
    cloud_storage().create_bucket(name)
    return name


@pytest.fixture
def s3_bucket(s3):
    """The name of a new bucket of the S3 server."""
    from transforms.stores import s3 as client

    name = f"b{uuid.uuid4().hex[:12]}"
    client().create_bucket(Bucket=name)
    return name


@pytest.fixture(params=["gs", "s3"])
def bucket(request, tmp_path, monkeypatch):
    """The URI of a new bucket, of each kind; the user's cache folder is the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return f"{request.param}://{request.getfixturevalue(f'{request.param}_bucket')}"
