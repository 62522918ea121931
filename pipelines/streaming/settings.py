"""How a stream is carried out; none of it can change a verdict or an image."""

from dataclasses import dataclass

from transforms.settings import setting


@dataclass(frozen=True)
class StreamSettings:
    """Epochs while live, fetching ahead, parking, stopping."""

    epoch_photos: int = setting(
        128, unit="photos", why="at most this many in one commit: what a kill can make answered twice"
    )
    epoch_s: float = setting(
        1.5, unit="s", why="an epoch takes as many photos as are so much work for a core: whoever comes meanwhile waits"
    )
    fetchers: int = setting(32, unit="threads", why="photos fetched at once")
    per_host: int = setting(
        8,
        unit="threads",
        why="of those, for one host or bucket; a quarter where one took longer than park_after_s, and half for all such",
    )
    ahead_bytes: int = setting(
        256_000_000, unit="bytes", why="photos that have arrived, or are on their way, and are not yet judged"
    )
    guess_bytes: int = setting(
        4_000_000, unit="bytes", why="what a photo counts until it has arrived, if its size is not known"
    )
    ahead_photos: int = setting(2_000, unit="messages", why="messages open at once")
    park_after_s: float = setting(2.0, unit="s", why="a fetch that takes longer holds up the source's position no more")
    fetch_tries: int = setting(5, unit="tries", why="a photo that could not be fetched so often is a dead letter")
    retry_s: float = setting(
        5.0, unit="s", why="before the second try of a parked photo; four times as long before each next one"
    )
    settle_s: float = setting(
        0.2, unit="s", why="between two looks at a watched folder; a file must be the same in both"
    )
    drain_s: float = setting(30.0, unit="s", why="after SIGTERM, for what has begun")
    unanswered: int = setting(20_000, unit="answers", why="more that the results topic did not take stop the reading")

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        for name in (
            "epoch_photos",
            "fetchers",
            "per_host",
            "ahead_bytes",
            "ahead_photos",
            "fetch_tries",
            "unanswered",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
