"""How the tables are kept small and readable."""

from dataclasses import dataclass

from transforms.settings import setting


@dataclass(frozen=True, slots=True)
class TableSettings:
    """When small files are put together, and when the old ones go."""

    compact_every: int = setting(50, unit="commits", why="the small files of so many commits become one")
    vacuum_after_h: int = setting(168, unit="h", why="replaced files stay so long for readers that began before")
