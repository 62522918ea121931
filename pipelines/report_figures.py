"""What the tables of an output say, in figures that stay small however many rows there are.

DuckDB streams over the files of both Delta tables and keeps sums, and of each group of photos a few that are shown. Of
a photo that came or was judged more than once only the newest version's last revision counts, whichever table it is in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.sql import connect
from transforms.errors import UserError
from transforms.imaging.policy import BANDS
from transforms.reasons import REASONS, REFUSALS, asked
from transforms.records import Row
from transforms.sinks.output import Output
from transforms.sinks.tables import DEAD_LETTERS, QUALITY

VERDICTS = {
    "improve": "a mend was kept, and the mended photo passes: it is what is delivered",
    "retake": "something severe remains: the seller is asked for another photo",
    "accept": "nothing severe was found: the photo is delivered as it came",
}
"""Verdict -> what it means, in the order of the page."""

STEP = 5
"""Points of score in one bar of the histogram."""

MAX_PHOTOS = 160
"""Photos on one page; with both pictures of a mended one a page stays at some MB."""

EXAMPLES = 3
"""Dead letters that are named for each code."""

_MEMORY = "1GB"
_BEATS = (
    "case when s.generation = t.generation then (s.revision, s.at) > (t.revision, t.at) "
    "when s.generation = '' or t.generation = '' then s.at > t.at else s.generation > t.generation end"
)
"""An entry `s` of a photo counts instead of `t`: as in the view `latest` of `vitrine sql`; an event that named no version, as
of a photo that was not there, is compared by time."""
_SHOWN = (
    "event_id, revision, uri, generation, category, role, width, height, score, score_low, score_high, band, verdict, "
    "reasons, actions, declined, score_after, optimized_uri, optimized_sha256, unscored, product_region, "
    "product_region_confidence"
)


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason over all photos; `advice` is in English and Chinese, with the median amount."""

    code: str
    meaning: str
    photos: int
    severity: float
    advice: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Refused:
    """One code of dead letters, with a few of them."""

    code: str
    meaning: str
    count: int
    examples: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The photos of one verdict whose worst reason is `code` (None: no reason at all); `rows` are those shown."""

    verdict: str
    code: str | None
    photos: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """All that the page says in numbers."""

    verdicts: dict[str, int]
    bands: dict[str, int]
    histogram: tuple[int, ...]
    """Photos by score, `STEP` points a bar, the last one up to and with 100."""
    quartiles: tuple[float, float, float] | None
    unscored: dict[str, int]
    reasons: tuple[Reason, ...]
    refused: tuple[Refused, ...]
    groups: tuple[Group, ...]
    makers: tuple[Row, ...]
    first: Any
    last: Any
    superseded: int
    """Earlier judgements of photos that were judged again."""

    @property
    def photos(self) -> int:
        """Photos with a record."""
        return sum(self.verdicts.values())

    @property
    def letters(self) -> int:
        """Events and photos with a dead letter."""
        return sum(refused.count for refused in self.refused)


def read_figures(output: Output, samples: int) -> Figures:
    """Ask the tables.

    Args:
        output: of a run.
        samples: photos of each group that are shown, at most; fewer where the groups are many.

    Raises:
        UserError: there are no tables, they cannot be read, or nothing is in them.
    """
    ask = _Question(output)
    verdicts, bands, histogram, unscored = _counts(ask)
    refused = _refused(ask)
    if not any(verdicts.values()) and not refused:
        raise UserError(f"{output.root} holds no photo yet: its tables are empty")
    first, last, *quartiles = ask.one(
        "select min(processed_at), max(processed_at), "
        + ", ".join(f"approx_quantile(score, {q})" for q in (0.25, 0.5, 0.75))
        + " from photos"
    )
    return Figures(
        verdicts=verdicts,
        bands=bands,
        histogram=histogram,
        quartiles=None if quartiles[0] is None else (quartiles[0], quartiles[1], quartiles[2]),
        unscored=unscored,
        reasons=_reasons(ask),
        refused=refused,
        groups=_groups(ask, samples),
        makers=_makers(ask),
        first=first,
        last=last,
        superseded=ask.superseded,
    )


class _Question:
    """The tables, open to questions in SQL: `photos` and `letters` are their rows that count."""

    def __init__(self, output: Output):
        self._connection = connect(output)
        self._connection.execute(f"set memory_limit = '{_MEMORY}'; set preserve_insertion_order = false")
        self._columns = {
            name: {column[0] for column in self.rows(f"describe {name}")} for name in (QUALITY, DEAD_LETTERS)
        }
        self.superseded = self._leave_out_superseded()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, parameters).fetchall()

    def one(self, sql: str) -> tuple[Any, ...]:
        return self.rows(sql)[0]

    def records(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        rows = self.rows(sql, parameters)
        names = [column[0] for column in self._connection.description or ()]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def known(self, names: Sequence[str]) -> str:
        """Name columns of `quality`; one that a table of an older version has not is null."""
        return ", ".join(name if name in self._columns[QUALITY] else f"null as {name}" for name in names)

    def _leave_out_superseded(self) -> int:
        """Make the two views; of what was judged once only the name costs memory, and that may go to disk."""
        revision = {
            name: f"{name}.revision" if "revision" in columns else "0" for name, columns in self._columns.items()
        }
        both = " union all ".join(
            f"select '{name}' as place, event_id, coalesce(nullif(uri, ''), event_id) as photo, "
            f"coalesce(generation, '') as generation, {revision[name]} as revision, {at} as at from {name}"
            for name, at in ((QUALITY, "processed_at"), (DEAD_LETTERS, "failed_at"))
        )
        self._connection.execute(
            f"create temp table several as with entries as ({both}) "
            "from entries where photo in (select photo from entries group by 1 having count(*) > 1)"
        )
        self._connection.execute(
            "create temp table older as select distinct place, event_id, revision from several t "
            f"where exists (from several s where s.photo = t.photo and {_BEATS})"
        )
        left = 0
        for view, name in (("photos", QUALITY), ("letters", DEAD_LETTERS)):
            older = f"(event_id, {revision[name]}) in (select (event_id, revision) from older where place = '{name}')"
            any_older = self.one(f"select count(*) from older where place = '{name}'")[0] > 0
            left += self.one(f"select count(*) from {name} where {older}")[0] if any_older else 0
            where = f" where not {older}" if any_older else ""
            self._connection.execute(f"create temp view {view} as select * from {name}{where}")
        return left


def _counts(ask: _Question) -> tuple[dict[str, int], dict[str, int], tuple[int, ...], dict[str, int]]:
    unscored_why = ask.known(["unscored"]).removesuffix(" as unscored")
    bars = 100 // STEP
    verdicts = dict.fromkeys(VERDICTS, 0)
    bands = dict.fromkeys((name for _, name in BANDS), 0)
    histogram = [0] * bars
    unscored: dict[str, int] = {}
    for verdict, band, bar, why, photos in ask.rows(
        # least() and greatest() pass over a null.
        f"select verdict, band, case when score is not null then least(greatest(floor(score / {STEP}), 0), {bars - 1}) "
        f"end::int, case when score is null then {unscored_why} end, count(*) from photos group by all"
    ):
        verdicts[verdict] = verdicts.get(verdict, 0) + photos
        if bar is None:
            unscored[why or "unknown"] = unscored.get(why or "unknown", 0) + photos
            continue
        histogram[bar] += photos
        bands[band] = bands.get(band, 0) + photos
    return verdicts, bands, tuple(histogram), unscored


def _reasons(ask: _Question) -> tuple[Reason, ...]:
    found = ask.rows(
        "select reason.code, count(*), avg(reason.severity), approx_quantile(reason.amount, .5) "
        "from (select unnest(reasons) as reason from photos) group by 1 order by 2 desc, 1"
    )
    return tuple(
        Reason(code, meaning_of(code), photos, severity or 0.0, advice_on(code, amount))
        for code, photos, severity, amount in found
    )


def meaning_of(code: str) -> str:
    """Return what a reason means; a code of a newer version stands for itself."""
    return REASONS[code].meaning if code in REASONS else code


def advice_on(code: str, amount: float | None, verdict: str = "retake") -> tuple[str, str]:
    """Return what is asked of the seller, in English and Chinese; empty for a code of a newer version."""
    return asked(code, amount, verdict) if code in REASONS else ("", "")


def _refused(ask: _Question) -> tuple[Refused, ...]:
    found = ask.rows(
        "select code, count(*), min_by({uri: uri, message: message, source_position: source_position}, "
        f"hash(event_id), {EXAMPLES}) from letters group by 1 order by 2 desc, 1"
    )
    return tuple(Refused(code, REFUSALS.get(code, ""), count, tuple(examples)) for code, count, examples in found)


def _groups(ask: _Question, samples: int) -> tuple[Group, ...]:
    """Count the photos by verdict and worst reason, and take a few of each by a hash: an even choice, and the same
    each time.
    """
    found = ask.rows(
        "select verdict, reasons[1].code, count(*), min_by({e: event_id, r: revision}, hash(event_id), $1) "
        "from photos group by 1, 2",
        [samples],
    )
    order = [*VERDICTS]
    found.sort(key=lambda group: (order.index(group[0]) if group[0] in order else len(order), -group[2], str(group[1])))
    shares = fair_shares([len(keys) for *_, keys in found], MAX_PHOTOS)
    found = [(*group, keys[:share]) for (*group, keys), share in zip(found, shares, strict=True)]
    wanted = {(key["e"], key["r"]) for *_, keys in found for key in keys}
    rows = {
        (row["event_id"], row["revision"]): row
        for row in ask.records(
            f"select {ask.known(_SHOWN.split(', '))} from photos where event_id in (select unnest($1))",
            [[event for event, _ in wanted]],
        )
    }
    return tuple(
        Group(verdict, code, photos, tuple(sorted((rows[key["e"], key["r"]] for key in keys), key=_worst_first)))
        for verdict, code, photos, keys in found
    )


def fair_shares(sizes: Sequence[int], total: int) -> list[int]:
    """Divide `total` among groups of these sizes: none gets more than its size, small ones leave the rest to others."""
    shares = [0] * len(sizes)
    for left, index in zip(range(len(sizes), 0, -1), sorted(range(len(sizes)), key=lambda i: sizes[i]), strict=True):
        shares[index] = min(sizes[index], total // left)
        total -= shares[index]
    return shares


def _worst_first(row: Row) -> tuple[float, float, str]:
    severity = max((reason["severity"] or 0.0 for reason in row["reasons"] or ()), default=0.0)
    return -severity, row["score"] if row["score"] is not None else -1.0, row["event_id"]


def _makers(ask: _Question) -> tuple[Row, ...]:
    return tuple(
        ask.records(
            "select pipeline_version, model_version, model_form, config_digest, count(*) as photos from photos "
            "group by all order by photos desc limit 10"
        )
    )
