"""Which names in a folder or a bucket are no photos, and what a pattern with `*`, `?`, `[…]` and `**` matches."""

import fnmatch
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from transforms.settings import setting

_CLUTTER = frozenset(
    ("__macosx", "@eadir", "thumbs.db", "desktop.ini", "license", "notice", "copying", "readme", "makefile")
)
_PHOTO = frozenset((".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif"))


@dataclass(frozen=True, slots=True)
class InputSettings:
    """What a folder, a bucket or a pattern gives; a photo that is named by itself is always taken."""

    leave_out: tuple[str, ...] = setting(
        (
            *(".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".txt", ".md", ".rst", ".html", ".htm", ".css"),
            *(".js", ".ts", ".py", ".ipynb", ".sh", ".toml", ".ini", ".yaml", ".yml", ".xml", ".log", ".lock", ".bak"),
            *(".xmp", ".aae", ".mov", ".mp4", ".crdownload", ".part", ".tmp"),
        ),
        unit="",
        why="endings of files that lie beside photos; all others are judged by their bytes",
    )


def why_left_out(name: str, settings: InputSettings) -> str | None:
    """Return why the last part of a path is not taken for a photo (words to count by), None where it is."""
    if name.startswith("."):
        return "hidden"
    if name.lower() in _CLUTTER:
        return name.lower()
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a name may be no path
    return f"*{suffix}" if suffix in settings.leave_out else None


def looks_like_photo(name: str) -> bool:
    """Tell whether a name ends as photos do."""
    return os.path.splitext(name)[1].lower() in _PHOTO  # noqa: PTH122


def has_magic(text: str) -> bool:
    """Tell whether a path is a pattern."""
    return re.search(r"[*?\[]", text) is not None


def split_pattern(pattern: str) -> tuple[str, list[str]]:
    """Split a pattern into the folder before its first wildcard (with its slash, or "") and the parts that follow."""
    parts = pattern.split("/")
    first = next(i for i, part in enumerate(parts) if has_magic(part))
    rest = [part for part in parts[first:] if part]
    return "".join(part + "/" for part in parts[:first]), rest


def matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Tell whether a path's parts match a pattern's: `**` is any number of folders, `*` never takes a leading dot."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return matches(parts, pattern[1:]) or (
            bool(parts) and not parts[0].startswith(".") and matches(parts[1:], pattern)
        )
    return bool(parts) and _one(parts[0], pattern[0]) and matches(parts[1:], pattern[1:])


def may_hold(folder: Sequence[str], pattern: Sequence[str]) -> bool:
    """Tell whether a folder, by its parts, can hold something that the pattern matches."""
    for part, wanted in zip(folder, pattern, strict=False):
        if wanted == "**":
            return not any(name.startswith(".") for name in folder)
        if not _one(part, wanted):
            return False
    return len(folder) < len(pattern)


def _one(part: str, wanted: str) -> bool:
    return fnmatch.fnmatchcase(part, wanted) and (not part.startswith(".") or wanted.startswith("."))
