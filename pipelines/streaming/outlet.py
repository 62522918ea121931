"""Where what the tables got is told: how far each place has been told is kept in the tables, so a restart goes on there."""

from collections.abc import Callable, Mapping

from transforms.records import Row, dead_letter_row
from transforms.sinks.output import Output
from transforms.sinks.results import Answer, Results, Versions, answer_of_dead_letter, answer_of_row, whole_dead_letter
from transforms.sinks.tables import DEAD_LETTERS, QUALITY, Tables
from transforms.sinks.unanswered import rows_since
from transforms.sinks.written import Written

Telling = Mapping[str, Callable[[Row], Answer]]
"""Table -> what is told of one of its rows; of the tables that are not named, nothing is."""

ANSWERS: Telling = {QUALITY: answer_of_row, DEAD_LETTERS: answer_of_dead_letter}
WHOLE_DEAD_LETTERS: Telling = {DEAD_LETTERS: whole_dead_letter}


class Outlet:
    """One place, and what it is told. For the driver's thread."""

    def __init__(self, results: Results, telling: Telling = ANSWERS, kind: str = "results"):
        """Take the place; places of different kinds are told independently, though they be the same."""
        self.results = results
        self._telling = telling
        self._kind = kind
        self._marked: Versions = {}
        self._away = False

    def mark(self, table: str) -> str:
        """Return the application id under which it is kept how far a table has been told here."""
        return f"{self._kind}:{self.results.name}:{table}"

    def begin(self, tables: Tables, output: Output, prefix: str) -> tuple[int, dict[str, int]]:
        """Tell what was committed and perhaps not told before, of the source whose positions begin with `prefix`.

        Returns:
            How much that was, and the marks of a place that is new to the tables: it is told from now on.
        """
        if not self.results.name:
            return 0, {}
        count, begun, versions = 0, {}, tables.versions()
        for table, answer in self._telling.items():
            known = tables.position(self.mark(table))
            if known is None:
                begun[self.mark(table)] = versions[table]
                continue
            for rows in rows_since(output, table, known, prefix):
                self.results.send([answer(row) for row in rows], {})
                count += len(rows)
        self.results.send([], versions)
        return count, begun

    def send(self, written: Written) -> None:
        """Tell what a commit held."""
        found = {QUALITY: written.rows, DEAD_LETTERS: [dead_letter_row(letter) for letter in written.dead_letters]}
        answers = [answer(row) for table, answer in self._telling.items() for row in found[table]]
        self.results.send(answers, written.versions)

    def wait(self, wait_s: float) -> None:
        """Wait at most so long until all is taken; not at all while a place is away: it would hold up every commit."""
        if not (self._away and self.results.waiting()):
            self.results.wait(wait_s)
            self._away = self.results.waiting() > 0

    def has_moved(self) -> bool:
        """Tell whether the tables have been told further than `moved` returned last."""
        return self.results.answered() != self._marked

    def moved(self) -> dict[str, int]:
        """Return how far the tables have been told, where that is further than when it was asked last."""
        told = self.results.answered()
        if not self.has_moved():
            return {}
        self._marked = told
        return {self.mark(table): told[table] for table in self._telling if table in told}
