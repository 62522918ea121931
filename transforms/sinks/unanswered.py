"""What the tables hold that was committed after the versions up to which it is known to be answered."""

import logging
from collections.abc import Iterator

from transforms.records import Row
from transforms.sinks.output import Output
from transforms.sinks.table_log import TableLog
from transforms.sinks.tables import read_table

LOG = logging.getLogger(__name__)


def rows_since(output: Output, table: str, version: int, prefix: str) -> Iterator[list[Row]]:
    """Yield the rows that came into a table after a version, in batches, of the source whose positions begin with `prefix`.

    Raises:
        UserError: the table cannot be read.
    """
    log = TableLog(read_table(output, table))
    files = log.added_since(version)
    if files is None:
        LOG.error("%s: the log since version %d is gone, so what was not answered is not known", log.name, version)
        return
    for file in files:
        try:
            for batch in log.read(file):
                yield [row for row in batch.to_pylist() if (row["source_position"] or "").startswith(prefix)]
        except FileNotFoundError:
            LOG.error("%s: %s was vacuumed, so its answers are not sent again", log.name, file)
