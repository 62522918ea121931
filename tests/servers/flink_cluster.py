"""A Flink cluster on 127.0.0.1, from Maven's jars: job manager, task manager, Beam's job server, Python's worker pool."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from kafka_broker import MissingError, _free_ports

POM = Path(__file__).parent / "flink" / "pom.xml"
UP_S = 90
FETCH_S = 900

CONFIGURATION = """\
jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: {rpc}
jobmanager.bind-host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.host: 127.0.0.1
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest}
blob.server.port: {blob}
io.tmp.dirs: {folder}/tmp
taskmanager.numberOfTaskSlots: 4
taskmanager.cpu.cores: 2.0
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 64m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 192m
taskmanager.memory.jvm-overhead.max: 192m
taskmanager.memory.task.heap.size: 512m
taskmanager.memory.task.off-heap.size: 64m
taskmanager.memory.managed.size: 64m
taskmanager.memory.network.min: 128m
taskmanager.memory.network.max: 128m
classloader.resolve-order: parent-first
classloader.check-leaked-classloader: false
heartbeat.interval: 1000
heartbeat.timeout: 6000
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 20
restart-strategy.fixed-delay.delay: 1 s
state.backend.type: hashmap
state.checkpoints.num-retained: 3
state.checkpoints.dir: file://{folder}/checkpoints
state.savepoints.dir: file://{folder}/savepoints
execution.checkpointing.externalized-checkpoint-retention: RETAIN_ON_CANCELLATION
"""
LOGGING = """\
handlers=java.util.logging.ConsoleHandler
.level=WARNING
java.util.logging.SimpleFormatter.format=%1$tT.%1$tL %4$s %3$s %5$s%6$s%n
"""
OPEN = "lang util util.concurrent util.concurrent.atomic net io nio lang.reflect text time"


def jars(cache: Path) -> Path:
    """Return the folder of the cluster's jars, fetched once for each state of the list."""
    import hashlib

    folder = cache / f"flink-{hashlib.sha256(POM.read_bytes()).hexdigest()[:16]}"
    if folder.exists():
        return folder
    for program, what in (("java", "Java 17 to run Flink"), ("mvn", "Maven (mvn) to fetch Flink")):
        if not shutil.which(program):
            raise MissingError(what)
    part = folder.with_name(f"{folder.name}.{os.getpid()}")
    command = ["mvn", "-q", "-B", "-f", POM, "dependency:copy-dependencies", f"-DoutputDirectory={part}"]
    fetched = subprocess.run([*command, "-DincludeScope=runtime"], capture_output=True, text=True, timeout=FETCH_S)
    if fetched.returncode:
        raise MissingError(f"what Maven could not fetch: {' '.join(fetched.stdout.split())[-400:]}")
    part.replace(folder)
    return folder


class Cluster:
    """The four processes by name: `jobs`, `tasks`, `server`, `pool`. Each can be killed and started again."""

    def __init__(self, libraries: Path, folder: Path, pythonpath: str = ""):
        if not shutil.which("java"):
            raise MissingError("Java 17 to run Flink")
        self.folder, self._libraries, self._pythonpath = folder, libraries, pythonpath
        self._processes: dict[str, subprocess.Popen] = {}
        rpc, self.rest, blob, self.server_port, self._artifacts, self._expansion, self.pool_port = _free_ports(7)
        for name in ("tmp", "checkpoints", "savepoints"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "flink-conf.yaml").write_text(CONFIGURATION.format(folder=folder, rpc=rpc, rest=self.rest, blob=blob))
        (folder / "logging.properties").write_text(LOGGING)

    @property
    def runner(self) -> str:
        """What `--runner` is given."""
        return f"flink://127.0.0.1:{self.server_port}?artifacts=127.0.0.1:{self._artifacts}&workers=127.0.0.1:{self.pool_port}"

    def start(self, *names: str) -> None:
        """Start processes, all by default, and wait until they answer."""
        for name in names or ("jobs", "tasks", "server", "pool"):
            getattr(self, f"_start_{name}")()

    def kill(self, *names: str) -> None:
        """Kill processes, all by default, with what they started."""
        for name in names or tuple(self._processes):
            process = self._processes.pop(name, None)
            if process is not None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)

    def kill_worker(self) -> None:
        """Kill the Python workers; the pool stays and starts others."""
        pool = self._processes["pool"].pid
        for line in subprocess.run(["ps", "-eo", "pid,pgid"], capture_output=True, text=True).stdout.splitlines()[1:]:
            pid, group = map(int, line.split())
            if group == pool and pid != pool:
                os.kill(pid, signal.SIGKILL)

    def checkpoints(self) -> list[Path]:
        """Return the finished checkpoints, oldest first: what is on disk counts, not what a killed job manager said."""
        found = self.folder.glob("checkpoints/*/chk-*/_metadata")
        return sorted((path.parent for path in found), key=lambda path: path.stat().st_mtime)

    def ask(self, path: str) -> dict:
        """Ask the job manager."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.rest}{path}", timeout=5) as answer:
            return json.load(answer)

    def _start_jobs(self) -> None:
        main = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
        self._java("jobs", "512m", main, "--configDir", str(self.folder))
        self._until(lambda: self.ask("/overview") is not None, "jobs")

    def _start_tasks(self) -> None:
        main = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
        self._java("tasks", "768m", main, "--configDir", str(self.folder))
        self._until(lambda: self.ask("/overview")["taskmanagers"] > 0, "tasks")

    def _start_server(self) -> None:
        self._java(
            "server",
            "512m",
            "org.apache.beam.runners.flink.FlinkJobServerDriver",
            f"--flink-master=127.0.0.1:{self.rest}",
            f"--flink-conf-dir={self.folder}",
            "--job-host=127.0.0.1",
            f"--job-port={self.server_port}",
            f"--artifact-port={self._artifacts}",
            f"--expansion-port={self._expansion}",
            f"--artifacts-dir={self.folder}/artifacts",
        )
        self._until(lambda: _answers(self.server_port), "server")

    def _start_pool(self) -> None:
        # The pool starts its workers by the bare name `python`.
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": self._pythonpath,
        }
        command = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main"]
        self._run("pool", [*command, f"--service_port={self.pool_port}"], environment)
        self._until(lambda: _answers(self.pool_port), "pool")

    def _java(self, name: str, memory: str, main: str, *arguments: str) -> None:
        opens = [f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in OPEN.split()]
        command = ["java", f"-Xmx{memory}", "-XX:+UseSerialGC", "-XX:MaxDirectMemorySize=384m", *opens]
        command += ["--add-opens=java.base/sun.nio.ch=ALL-UNNAMED", "--add-exports=java.base/sun.net.util=ALL-UNNAMED"]
        command += [f"-Djava.util.logging.config.file={self.folder}/logging.properties", "-cp", f"{self._libraries}/*"]
        self._run(name, [*command, main, *arguments], {**os.environ, "FLINK_CONF_DIR": str(self.folder)})

    def _run(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self._processes[name] = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, start_new_session=True, cwd=self.folder
        )

    def _until(self, ready, name: str) -> None:
        deadline = time.monotonic() + UP_S
        while time.monotonic() < deadline and self._processes[name].poll() is None:
            try:
                if ready():
                    return
            except OSError:
                pass
            time.sleep(0.2)
        raise RuntimeError(f"{name}: " + (self.folder / f"{name}.log").read_text()[-2000:])


def _answers(port: int) -> bool:
    import socket

    socket.create_connection(("127.0.0.1", port), 1).close()
    return True
