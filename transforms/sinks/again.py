"""Which finished photos are judged once more, and as which revision.

What was finished when the job was first asked for is read from the tables as they were then (Delta keeps old versions), so
a job that was killed goes on where it stopped when it is asked for again: what it has done has the new revision already.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from transforms.errors import UserError
from transforms.sinks.finished import Identity
from transforms.sinks.output import Output, table_options
from transforms.sinks.tables import DEAD_LETTERS, QUALITY

FILE = "again.json"


class Again:
    """The photos of one `--again`; `finish` forgets it, so that the same words begin a new one."""

    def __init__(self, output: Output, source: str, where: str | None):
        """Take up the same job where it was left, or begin it.

        Raises:
            UserError: `where` is no condition on the columns of `quality`.
        """
        import duckdb

        self._file = output.state_folder() / FILE
        versions = _resumed(self._file, source, where)
        tables = {name: _table(output, name, versions.get(name)) for name in (QUALITY, DEAD_LETTERS)}
        if not versions:
            versions = {name: table.version() for name, table in tables.items()}
            _remember(self._file, {"input": source, "where": where, "versions": versions})
        self._database = duckdb.connect()
        self._database.execute("SET memory_limit = '1GB'")
        self._database.execute(f"SET temp_directory = '{str(output.state_folder()).replace(chr(39), chr(39) * 2)}'")
        for name, table in tables.items():
            self._database.register(name, table.to_pyarrow_dataset())
        chosen = f"""
            CREATE TABLE chosen AS SELECT event_id, uri, generation, revision + 1 AS target FROM (
                SELECT * FROM quality QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY revision DESC) = 1
            ) WHERE ({where or "true"})"""
        if not where:
            chosen += " UNION ALL SELECT event_id, uri, generation, revision + 1 FROM dead_letters"
        try:
            self._database.execute(chosen)
        except duckdb.Error as error:
            self.finish()
            raise UserError(f"--where {where!r} does not fit the table quality: {str(error).splitlines()[0]}") from None

    def targets(self, identities: Sequence[Identity]) -> list[int | None]:
        """Return the revision that each identity is to have in the end, None for one that was not chosen."""
        import pyarrow as pa

        columns = list(zip(*identities, strict=True)) or [(), (), ()]
        asked = pa.table(
            {
                "place": pa.array(range(len(identities)), pa.int64()),
                **{
                    n: pa.array(c, pa.string()) for n, c in zip(("event_id", "uri", "generation"), columns, strict=True)
                },
            }
        )
        self._database.register("asked", asked)
        # Two look-ups instead of one with OR, which would compare every pair.
        found = self._database.execute("""
            SELECT place, max(target) FROM (
                SELECT place, target FROM asked JOIN chosen USING (event_id)
                UNION ALL SELECT place, target FROM asked JOIN chosen USING (uri, generation)
            ) GROUP BY place""").fetchall()
        targets: list[int | None] = [None] * len(identities)
        for place, target in found:
            targets[place] = target
        return targets

    def finish(self) -> None:
        """Forget the job: it is done."""
        self._file.unlink(missing_ok=True)


def _table(output: Output, name: str, version: int | None) -> DeltaTable:
    place = output.child(name)
    try:
        return DeltaTable(place, version=version, storage_options=table_options(place))
    except DeltaError as error:
        raise UserError(f"{place} cannot be read as it was when this --again began: {error}") from None


def _resumed(file: Path, source: str, where: str | None) -> dict[str, int]:
    try:
        left = json.loads(file.read_text(encoding="utf-8"))
        return dict(left["versions"]) if (left["input"], left["where"]) == (source, where) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _remember(file: Path, job: dict[str, object]) -> None:
    part = file.with_suffix(".part")
    part.write_text(json.dumps(job), encoding="utf-8")
    part.replace(file)
