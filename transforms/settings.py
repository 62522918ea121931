"""How one setting is declared: its default, unit, reason, and whether it can change a verdict or an image."""

from dataclasses import field
from typing import Any


def setting(default: Any, *, unit: str, why: str, decides: bool = False, secret: bool = False) -> Any:
    """Declare a field of a frozen settings section.

    Args:
        default: the value when neither file, environment nor flag gives one.
        unit: what the number counts ("px", "s", "ΔE2000"), or "" for a name or a switch.
        why: one line for `vitrine config` and the docs.
        decides: True when it can change a verdict or a written image; such settings enter `config_digest`.
        secret: True when the value must never be printed.
    """
    return field(default=default, metadata={"unit": unit, "why": why, "decides": decides, "secret": secret})
