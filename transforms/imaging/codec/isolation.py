"""Decode in a process that may die: for rare formats, and for what has killed a process before.

A decoding process is started at the first need and kept; each thread that decodes at the same time has one of its own.
Bytes go in and pixels come out through anonymous memory files (`memfd_create`), whose descriptors travel over a socket,
so nothing is copied through a pipe. What goes wrong in there ends as a refusal here: an alarm on its CPU time kills it
(on a busy machine the clock says little), its address space is limited, and its death is the end of the socket.

The process imports only what decodes (no OpenCV, no Beam). It ends by itself: at the end of the socket, when its parent
is no longer its parent, or, in the middle of a decode, by that alarm.
"""

import atexit
import json
import mmap
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from transforms.errors import RefusalError
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.types import Header, Photo

JOBS_OF_ONE_PROCESS = 1_000
"""After so many files a process is replaced, so that what decoders leak stays bounded."""

_MESSAGE_BYTES = 65_536
_IDLE_CHECK_S = 20.0
_WALL_FACTOR = 3.0
"""A process that gets this much less than a core, or sleeps, is given up as well."""
_START_S = 60.0
"""A cold start reads some 30 MB of libraries; this is no part of a file's own time limit."""


def decode_isolated(data: bytes, limits: DecodeLimits) -> Photo:
    """Decode in another process.

    Raises:
        RefusalError: all codes of `raster.decode_with_pillow`; decode_timeout, decode_memory, decoder_crashed.
    """
    reply, pixels = _ask("decode", data, limits)
    height, width = reply["shape"]
    return Photo(
        np.frombuffer(pixels, np.uint8, height * width * 3).reshape(height, width, 3),
        _header(reply["header"]),
        tuple(reply["notes"]),
        reply["jpeg_quality"],
    )


def read_header_isolated(data: bytes, limits: DecodeLimits) -> Header:
    """Read the header in another process; raises as `decode_isolated`."""
    reply, _ = _ask("header", data, limits)
    return _header(reply["header"])


def read_metadata_isolated(data: bytes, limits: DecodeLimits) -> tuple[bytes, bytes]:
    """Read the harmless EXIF and the whole XMP in another process; raises as `decode_isolated`."""
    reply, blocks = _ask("metadata", data, limits)
    exif, xmp = reply["lengths"]
    return blocks[:exif], blocks[exif : exif + xmp]


def _header(fields: Mapping[str, Any]) -> Header:
    return Header(**{**fields, "notes": tuple(fields["notes"])})


class _Process:
    """One decoding process and our end of its socket."""

    def __init__(self) -> None:
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.jobs = 0
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
        environment |= {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", f"from {__name__} import serve; serve({theirs.fileno()}, {os.getpid()})"],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the command, which then ends this process in order.
            )
        try:
            ready = _readable(self.channel, _START_S) and self.channel.recv(16) == b"ready"
        except OSError:
            ready = False
        if not ready:
            self.end()
            raise RefusalError("decoder_crashed", "the decoding process did not start")

    def ask(self, what: str, data: bytes, limits: DecodeLimits) -> tuple[dict[str, Any], bytes | mmap.mmap]:
        self.jobs += 1
        request = json.dumps({"what": what, "limits": asdict(limits)}).encode()
        memory = _memory_file(data)
        try:
            socket.send_fds(self.channel, [request], [memory])
        finally:
            os.close(memory)
        if not _readable(self.channel, limits.timeout_s * _WALL_FACTOR):
            raise RefusalError("decode_timeout", f"no end after {limits.timeout_s * _WALL_FACTOR:g} s by the clock")
        message, descriptors, _, _ = socket.recv_fds(self.channel, _MESSAGE_BYTES, 1)
        try:
            if not message:
                raise self.death(limits)
            return json.loads(message), _map(descriptors[0]) if descriptors else b""
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def death(self, limits: DecodeLimits) -> RefusalError:
        try:
            code = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return RefusalError("decoder_crashed", "the decoding process closed its socket")
        if code == -signal.SIGPROF:
            return RefusalError("decode_timeout", f"decoding took more than {limits.timeout_s:g} s of CPU time")
        how = f"signal {-code}" if code < 0 else f"exit {code}"
        return RefusalError("decoder_crashed", f"the decoding process died of it ({how})")

    def end(self) -> None:
        self.channel.close()
        self.process.kill()
        self.process.wait()


_idle: list[_Process] = []
_lock = threading.Lock()


def _ask(what: str, data: bytes, limits: DecodeLimits) -> tuple[dict[str, Any], Any]:
    """Have a process do one job; a used process that dies of it may have been dying before, so a fresh one decides."""
    process = _used_process()
    if process is not None:
        try:
            return _do(process, what, data, limits)
        except RefusalError as refusal:
            if refusal.code != "decoder_crashed":
                raise
    return _do(_Process(), what, data, limits)


def _used_process() -> _Process | None:
    with _lock:
        process = _idle.pop() if _idle else None
    if process is not None and process.process.poll() is not None:
        process.end()
        return None
    return process


def _do(process: _Process, what: str, data: bytes, limits: DecodeLimits) -> tuple[dict[str, Any], Any]:
    """Have this process do one job; one that failed in any way but a plain refusal is not used again."""
    try:
        reply, content = process.ask(what, data, limits)
    except OSError as error:
        refusal = process.death(limits)
        process.end()
        raise refusal from error
    except BaseException:
        process.end()
        raise
    if process.jobs < JOBS_OF_ONE_PROCESS and not reply.get("spent"):
        with _lock:
            _idle.append(process)
    else:
        process.end()
    if "code" in reply:
        raise RefusalError(reply["code"], reply["message"])
    return reply, content


@atexit.register
def end_processes() -> None:
    """End the processes that wait for work."""
    with _lock:
        waiting, _idle[:] = list(_idle), []
    for process in waiting:
        process.end()


def _forget_processes() -> None:
    """In a fork: the sockets are the parent's."""
    global _lock
    _lock = threading.Lock()
    for process in _idle:
        process.channel.close()
        process.process.returncode = 0  # Not ours to wait for.
    _idle.clear()


os.register_at_fork(after_in_child=_forget_processes)


def _memory_file(content: Any) -> int:
    descriptor = os.memfd_create("vitrine", os.MFD_CLOEXEC)
    view = memoryview(content).cast("B")
    while view:
        view = view[os.write(descriptor, view) :]
    return descriptor


def _map(descriptor: int) -> bytes | mmap.mmap:
    size = os.fstat(descriptor).st_size
    return mmap.mmap(descriptor, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE) if size else b""


def _readable(channel: socket.socket, timeout_s: float) -> bool:
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def serve(channel_fd: int, parent: int) -> None:
    """Be the decoding process: answer requests until the parent is gone."""
    from PIL import Image

    from transforms.imaging.codec import raster  # Decoders are imported in this process alone.

    _quieten_decoders()
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    channel = socket.socket(fileno=channel_fd)
    channel.send(b"ready")
    while True:
        if not _readable(channel, _IDLE_CHECK_S):
            if os.getppid() != parent:
                return
            continue
        message, descriptors, _, _ = socket.recv_fds(channel, _MESSAGE_BYTES, 1)
        if not message:
            return
        request = json.loads(message)
        limits = DecodeLimits(**request["limits"])
        soft = limits.memory_bytes if hard == resource.RLIM_INFINITY else min(limits.memory_bytes, hard)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.setitimer(signal.ITIMER_PROF, limits.timeout_s)
        Image.MAX_IMAGE_PIXELS = limits.max_pixels  # Pillow holds inner pictures against it, such as a GIF's frames.
        reply, content = _answer(raster, request["what"], descriptors[0], limits)
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        _send(channel, reply, content)


def _answer(raster: Any, what: str, descriptor: int, limits: DecodeLimits) -> tuple[dict[str, Any], Any]:
    try:
        data = bytes(_map(descriptor))
        os.close(descriptor)
        if what == "header":
            return {"header": asdict(raster.open_header(data, limits)[1])}, None
        if what == "metadata":
            from transforms.imaging.codec.metadata import read_blocks

            blocks = read_blocks(data)
            return {"lengths": [len(block) for block in blocks]}, b"".join(blocks)
        photo: Photo = raster.decode_with_pillow(data, limits)
        fields = {"shape": photo.pixels.shape[:2], "notes": photo.notes, "jpeg_quality": photo.jpeg_quality}
        return {"header": asdict(photo.header), **fields}, photo.pixels
    except RefusalError as refusal:
        return {"code": refusal.code, "message": refusal.message[:500], "spent": refusal.code == "decode_memory"}, None
    except MemoryError:
        return {"code": "decode_memory", "message": "decoding needs more memory than the limit", "spent": True}, None
    except Exception as error:
        message = f"{type(error).__name__}: {error}"[:500]
        return {"code": "internal_error", "message": message, "spent": True}, None


def _send(channel: socket.socket, reply: dict[str, Any], content: Any) -> None:
    descriptors = [] if content is None else [_memory_file(content)]
    socket.send_fds(channel, [json.dumps(reply).encode()], descriptors)
    for descriptor in descriptors:
        os.close(descriptor)


def _quieten_decoders() -> None:
    """Keep libraries from starting threads for one picture: photos are decoded side by side already."""
    import pillow_heif
    from PIL import AvifImagePlugin

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    options = pillow_heif.options
    options.DECODE_THREADS, options.THUMBNAILS, options.DEPTH_IMAGES, options.AUX_IMAGES = 1, False, False, False
