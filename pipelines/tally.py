"""What a job has done so far, in numbers."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Photos by verdict, dead letters by code, and by stage the seconds of work and the photos that it worked on."""

    verdicts: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Take another tally in."""
        self.verdicts.update(other.verdicts)
        self.dead_letters.update(other.dead_letters)
        self.seconds.update(other.seconds)
        self.calls.update(other.calls)

    @property
    def records(self) -> int:
        """Photos with a record."""
        return sum(self.verdicts.values())

    @property
    def refused(self) -> int:
        """Events and photos with a dead letter."""
        return sum(self.dead_letters.values())
