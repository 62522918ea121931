"""Try again what may pass: exponential pauses with full jitter, so that many readers do not come back all at once.

After M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
"""

import random
import time
from collections.abc import Callable

from transforms.fetch.limits import FetchSettings, PassingError


def with_retries(
    attempt: Callable[[float], bytes],
    settings: FetchSettings,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> bytes:
    """Return what `attempt` returns, given the seconds that are left for it.

    A store that says how long to wait is given that time, or, where it exceeds what is left, no further attempt.

    Raises:
        RefusalError: what `attempt` raises, or what is left of its last `PassingError`.
    """
    end = now() + settings.total_s
    attempts = max(settings.attempts, 1)
    for number in range(1, attempts + 1):
        try:
            return attempt(min(settings.attempt_s, end - now()))
        except PassingError as failure:
            longest = settings.pause_s * 2 ** (number - 1)
            pause = max(random.uniform(0, longest), failure.wait_s)
            if number == attempts or now() + pause >= end:
                raise failure.refusal from None
        sleep(pause)
    raise AssertionError("the last attempt returns or raises")
