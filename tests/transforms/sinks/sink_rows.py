"""Rows as the pipeline writes them, for tests and for the processes that tests start."""

from datetime import UTC, datetime

from transforms.errors import RefusalError
from transforms.imaging.types import Assessment, Box, Header, Judgement, Prediction, Reason
from transforms.records import ImageEvent, Maker, dead_letter, dead_letter_row, quality_row

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MAKER = Maker("0.1.0", "m1", "litert", "0123456789abcdef")


def event(number=1, revision=0, **other):
    return ImageEvent(
        f"e{number}", f"file:///photos/{number}.jpg", "mtime:00000000000000000001", revision=revision, **other
    )


def quality(number=1, revision=0, at=NOON, verdict="accept", **other):
    return quality_row(
        event(number, revision, **other),
        Assessment(Header("jpeg", 8, 8, "RGB"), "0" * 64, "f" * 16, {}, Box(0, 0, 1, 1), 0.5, None),
        Prediction(61.5, 50.0, 70.0, {"blur": 0.25}),
        Judgement(verdict, "good", (Reason("dim", 0.5, Box(0, 0, 0.5, 0.5), 1.8),)),
        MAKER,
        size=1234,
        processed_at=at,
        elapsed_ms=12.5,
    )


def dead(number=1, revision=0, at=NOON, code="truncated"):
    return dead_letter_row(dead_letter(event(number, revision), "assess", RefusalError(code, "cut short"), at))
