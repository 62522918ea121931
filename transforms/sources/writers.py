"""Whether somebody still has a file open to write to it: the kernel knows, for files of this machine."""

import contextlib
import os
import signal

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

_BREAKS = getattr(signal, "SIGURG", None)
"""Sent to whoever holds a lease when somebody opens the file; this one is ignored unless asked for, SIGIO ends a process."""


def has_writer(path: bytes) -> bool:
    """Tell whether a process has a file open for writing; False also where that cannot be known.

    Asked with a read lease (fcntl(2), F_SETLEASE), which Linux grants only where nobody writes. It is given back at once. It
    cannot be asked for files of another owner, of network file systems, and on other systems.
    """
    if fcntl is None or not hasattr(fcntl, "F_SETLEASE") or _BREAKS is None:
        return False
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.fcntl(handle, fcntl.F_SETSIG, _BREAKS)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    else:
        with contextlib.suppress(OSError):
            fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False
    finally:
        os.close(handle)
