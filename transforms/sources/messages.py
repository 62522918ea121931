"""From a broker's message to what it announces."""

from collections.abc import Mapping
from typing import Any

from transforms.events import parse
from transforms.sources.live import Announced


def announce(
    payload: bytes | None, attributes: Mapping[str, str], place: str, token: Any, published: float | None
) -> Announced:
    """Return what a message announces; what nothing can be made of is its dead letter, with the payload as it came.

    Args:
        payload: the message's body; None where Kafka's value is null.
        attributes: its headers or attributes: see `transforms.events.attributes_of`.
        place: where it was read: the `source_position`.
        token: the source's own.
        published: seconds since 1970.
    """
    parsed = parse(payload, attributes, place)
    return Announced(parsed.items, token, None if parsed.items else parsed.skipped[0], published)
