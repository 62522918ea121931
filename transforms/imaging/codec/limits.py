"""What a file may ask of the decoder."""

from dataclasses import dataclass

from transforms.settings import setting


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """Checked from the header, before any pixel is decoded."""

    max_bytes: int = setting(64_000_000, unit="bytes", why="larger files are refused unread", decides=True)
    max_pixels: int = setting(100_000_000, unit="px", why="guards against decompression bombs", decides=True)
    max_frames: int = setting(1_000, unit="frames", why="of an animation only the first is judged", decides=True)
    timeout_s: float = setting(
        30.0, unit="s", why="a rare format decodes in a process that is killed after so much CPU time"
    )
    memory_bytes: int = setting(4_000_000_000, unit="bytes", why="address space of that process")
