"""From a broker's message to what it announces."""

from collections.abc import Mapping
from typing import Any

from transforms.events import parse
from transforms.sources.live import Announced


def announce(
    payload: bytes | None, attributes: Mapping[str, str], place: str, token: Any, published: float | None
) -> Announced:
    """Return what a message announces: photos, dead letters with the payload as it came, reasons for skipping.

    Args:
        payload: the message's body.
        attributes: its headers or attributes.
        place: where it was read: the `source_position`.
        token: the source's own.
        published: seconds since 1970.
    """
    parsed = parse(payload, attributes, place)
    return Announced(parsed.items, token, parsed.skipped, published)
