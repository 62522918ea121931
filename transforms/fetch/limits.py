"""What may be fetched, from where, and for how long."""

from dataclasses import dataclass, replace

from transforms.errors import RefusalError
from transforms.settings import setting

EVERYWHERE = ("/",)


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """Which places may be read, and how long is waited for them. The limit on bytes is `decode.max_bytes`."""

    file_roots: tuple[str, ...] = setting(
        EVERYWHERE,
        unit="",
        why="folders whose files may be read; a message may name a file only below folders listed here",
    )
    buckets: tuple[str, ...] = setting(
        (), unit="", why="gs:// and s3:// buckets that may be read; none listed: all that the credentials reach"
    )
    https_hosts: tuple[str, ...] = setting(
        (), unit="", why="hosts that may be read, .example.com with those below it; none listed: every public one"
    )
    https_ports: tuple[int, ...] = setting(
        (443,), unit="", why="ports of public hosts; others are doors to other services"
    )
    private_hosts: tuple[str, ...] = setting(
        (), unit="", why="HOST:PORT in our own network that may be read, by plain http as well"
    )
    redirects: int = setting(5, unit="hops", why="each is checked like the first address")
    attempt_s: float = setting(20.0, unit="s", why="one attempt, from the look-up of the name to the last byte")
    total_s: float = setting(60.0, unit="s", why="all attempts together, with the pauses between them")
    attempts: int = setting(4, unit="tries", why="only after what may pass: no answer, too busy, a broken connection")
    pause_s: float = setting(0.5, unit="s", why="longest pause before the second attempt; doubled for each further one")

    def for_messages(self) -> "FetchSettings":
        """Return the settings for events that others write: reading every local file is not meant for them."""
        return replace(self, file_roots=tuple(root for root in self.file_roots if root not in EVERYWHERE))


class PassingError(Exception):
    """An attempt failed in a way that may pass; `refusal` is what remains if it does not, `wait_s` what the store asks."""

    def __init__(self, refusal: RefusalError, wait_s: float = 0.0):
        super().__init__(refusal.message)
        self.refusal = refusal
        self.wait_s = wait_s


class Bounded:
    """Collects the pieces of a body, and refuses the one that exceeds the limit on bytes."""

    def __init__(self, max_bytes: int):
        self.max_bytes = max_bytes
        self.pieces: list[bytes] = []
        self.size = 0

    def write(self, piece: bytes) -> int:
        """Take a piece.

        Raises:
            RefusalError: too_many_bytes.
        """
        self.size += len(piece)
        if self.size > self.max_bytes:
            raise RefusalError("too_many_bytes", f"more than the limit of {self.max_bytes:,} bytes")
        self.pieces.append(bytes(piece))
        return len(piece)

    def whole(self) -> bytes:
        """Return all pieces as one."""
        return b"".join(self.pieces)


def too_many_bytes(size: int, limit: int) -> RefusalError:
    """Return the refusal of a photo that is larger than the limit."""
    return RefusalError("too_many_bytes", f"{size:,} bytes; the limit is {limit:,}")
