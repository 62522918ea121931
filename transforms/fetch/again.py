"""When a fetch that failed is tried again, by whoever can wait for it: minutes, where the fetch itself waits for seconds."""

import random
from collections.abc import Callable

MAY_PASS = ("fetch_timeout", "fetch_failed")
GONE = ("changed", "not_found")
"""The version is no longer there: its successor may have been announced already, and would make this one superseded."""

GRACE_S = 1.0


def again_after(
    code: str,
    tries: int,
    most: int,
    retry_s: float,
    chance: Callable[[float, float], float] = random.uniform,
) -> float | None:
    """Return the seconds until a failed fetch is tried again; None where it is not.

    Args:
        code: why it failed, of `REFUSALS`.
        tries: how often it had failed before.
        most: failures with which it is a dead letter.
        retry_s: longest pause before the second try, s; four times as long before each next one.
        chance: returns a number between two, so that what failed together does not come back together.
    """
    if code in GONE and not tries:
        return GRACE_S
    if code in MAY_PASS and tries + 1 < most:
        return retry_s * 4**tries * chance(0.5, 1)
    return None
