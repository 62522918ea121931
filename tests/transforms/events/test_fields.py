"""What people and tables write into a field is read as they mean it, or refused."""

from datetime import UTC, datetime

import pytest

from transforms.errors import RefusalError
from transforms.events.fields import event_of, time_of


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
        ("20260102", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02 03:04:05.25+01:00", datetime(2026, 1, 2, 2, 4, 5, 250_000, tzinfo=UTC)),
        (1_767_323_045, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("1767323045", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (1_767_323_045_000, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (1_767_323_045_000_000, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (1_767_323_045_000_000_000, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (datetime(2026, 1, 2, 3, 4, 5), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (None, None),
    ],
)
def test_times_as_they_are_written(written: object, expected: datetime | None) -> None:
    assert time_of(written) == expected


@pytest.mark.parametrize(
    "written", ["yesterday", "2026-13-01", True, [1], float("inf"), 10**30, "9999-12-31T23:59:59-23:00"]
)
def test_what_is_no_time_is_refused(written: object) -> None:
    with pytest.raises(RefusalError):
        time_of(written)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (7, "00000000000000000007"),
        ("7", "00000000000000000007"),
        (7.0, "00000000000000000007"),
        ("v7", "v7"),
        (None, "2026-01-02T00:00:00.000000Z"),
        ("", "2026-01-02T00:00:00.000000Z"),
        (float("nan"), "2026-01-02T00:00:00.000000Z"),
    ],
)
def test_generations_as_they_are_written(written: object, expected: str) -> None:
    fields = {"uri": "gs://b/a.jpg", "generation": written, "event_time": "2026-01-02"}
    assert event_of(fields, None, "p").generation == expected


def test_ids_that_a_table_turned_into_numbers_are_texts() -> None:
    event = event_of({"uri": "gs://b/a.jpg", "product_id": 7.0, "seller_id": 12, "category": "x"}, None, "p")
    assert (event.product_id, event.seller_id, event.category) == ("7", "12", "x")
    for wrong in (True, [1], {"a": 1}, 1.5):
        with pytest.raises(RefusalError, match="product_id"):
            event_of({"uri": "gs://b/a.jpg", "product_id": wrong}, None, "p")
