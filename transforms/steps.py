"""What each stage does with one case: plain functions, without Beam. The graph maps them; `vitrine check` calls them in turn."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from transforms.arrived import ARRIVED
from transforms.case import Case
from transforms.fetch import FetchSettings
from transforms.fetch import fetch as fetch_bytes
from transforms.imaging.assess import AssessSettings
from transforms.imaging.assess import assess as assess_bytes
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.encode import EncodeSettings, encode
from transforms.imaging.codec.journal import open_journal
from transforms.imaging.guard import Bounds
from transforms.imaging.measures import look, measure
from transforms.imaging.optimize import optimize
from transforms.imaging.policy import Thresholds, conclude, severities
from transforms.imaging.policy import judge as judge_assessment
from transforms.imaging.types import Judgement, Pixels, Prediction, Seen
from transforms.records import ImageEvent, Maker, Row, quality_row


@dataclass(frozen=True)
class Rules:
    """Every setting that decides a verdict or an image, by section."""

    assess: AssessSettings = field(default_factory=AssessSettings)
    thresholds: Thresholds = field(default_factory=Thresholds)
    bounds: Bounds = field(default_factory=Bounds)
    encode: EncodeSettings = field(default_factory=EncodeSettings)


Score = Callable[[Seen], Prediction]
"""Gives an opinion of one photo, by its tiles and measures."""


def fetch(event: ImageEvent, settings: FetchSettings, rules: Rules) -> Case:
    """Begin a case with the photo's bytes.

    Raises:
        RefusalError: as `transforms.fetch.fetch`.
    """
    # Inline bytes stay in the event too, the same object: a dead letter of a later stage needs them to be tried again.
    arrived = ARRIVED.pop(event.event_id, None)
    return Case(event, arrived or fetch_bytes(event, settings, rules.assess.decode))


def assess(case: Case, rules: Rules, journal: Path | None = None) -> Case:
    """Fill `assessment`. The photo's pixels live and end in here.

    The journal, a folder, remembers which photo is being decoded, so that one that kills the process is known to the next run.

    Raises:
        RefusalError: what the decoder refuses; `poison` for a photo during which the process died too often.
    """
    if journal is None:
        return dataclasses.replace(case, assessment=assess_bytes(case.data, rules.assess))
    with open_journal(journal).attempt(case.event.event_id, more=True) as suspected:
        return dataclasses.replace(case, assessment=assess_bytes(case.data, rules.assess, isolated=suspected))


def opine(case: Case, score: Score) -> Case:
    """Fill `prediction`; a case without tiles has nothing to score."""
    assert case.assessment is not None
    seen = case.assessment.seen
    return case if seen is None else dataclasses.replace(case, prediction=score(seen))


def judge(case: Case, rules: Rules) -> Case:
    """Fill `judgement` of a case that is assessed and, unless blank, scored."""
    assert case.assessment is not None
    judgement = judge_assessment(case.assessment, case.prediction, rules.thresholds, case.event.role)
    return dataclasses.replace(case, judgement=judgement)


def mend(case: Case, rules: Rules, journal: Path | None = None) -> Case:
    """Try what the reasons ask for, behind the guard; nothing asked for, nothing done.

    Returns:
        Where something was kept, a new case of the bytes that would be delivered, decoded and assessed as any other
        photo, with `original` set; else the same case with `mended` telling what was declined.

    Raises:
        RefusalError: as `assess`; the journal is told here too that the photo is done.
    """
    if journal is None:
        return _mend(case, rules, isolated=False)
    with open_journal(journal).attempt(case.event.event_id) as suspected:
        return _mend(case, rules, isolated=suspected)


def _mend(case: Case, rules: Rules, isolated: bool) -> Case:
    assessment = case.assessment
    assert assessment is not None and case.judgement is not None
    if not case.judgement.mend:
        return case
    photo = decode(case.data, rules.assess.decode, isolated=isolated)

    def remeasure(pixels: Pixels) -> dict[str, float]:
        # What came is measured already.
        measures = (
            assessment.measures if pixels is photo.pixels else measure(look(pixels, photo.jpeg_quality), writing=False)
        )
        return severities(measures, rules.thresholds)

    mended = optimize(photo, assessment, case.judgement, rules.bounds, remeasure)
    if mended.pixels is None:
        return dataclasses.replace(case, mended=mended)
    steps = ", ".join(action.operation for action in mended.actions)
    data = encode(mended.pixels, case.data, rules.encode, steps)
    # The record needs what was done, not the pixels: they would wait in memory for the batch.
    mended = dataclasses.replace(mended, pixels=None)
    return Case(case.event, data, assess_bytes(data, rules.assess), mended=mended, original=case, seconds=case.seconds)


def is_mended(case: Case) -> bool:
    """Say whether a case is that of a mended photo."""
    return case.original is not None


def judge_mended(case: Case, rules: Rules) -> Case:
    """Judge a mended photo; any other case has its judgement already."""
    return judge(case, rules) if is_mended(case) else case


def final_judgement(case: Case) -> Judgement:
    """Give the verdict on what was received, with its own reasons, whether or not a mend was kept."""
    received = case.original or case
    assert received.judgement is not None
    verdict = conclude(received.judgement, case.judgement if case.original else None)
    return dataclasses.replace(received.judgement, verdict=verdict)


def record(case: Case, maker: Maker, write_image: Callable[[bytes], str] | None = None) -> Row:
    """Write the mended photo, if there is one, and return the row of `quality`.

    Raises:
        RefusalError: write_failed.
        UserError: nothing can be written there at all.
    """
    received = case.original or case
    assert received.assessment is not None
    optimized = case.data if case.original else None
    return quality_row(
        received.event,
        received.assessment,
        received.prediction,
        final_judgement(case),
        maker,
        size=len(received.data),
        processed_at=datetime.now(UTC),
        elapsed_ms=case.seconds * 1e3,
        mended=case.mended,
        score_after=case.prediction.score if case.original and case.prediction else None,
        optimized=optimized,
        optimized_uri=write_image(optimized) if write_image and optimized else None,
    )


def examine(case: Case, rules: Rules, score: Score) -> Case:
    """Take one photo through every stage, without a graph: the same functions in the same order.

    Raises:
        RefusalError: as `assess`.
    """
    mended = mend(_opinion(assess(case, rules), rules, score), rules)
    return _opinion(mended, rules, score) if is_mended(mended) else mended


def _opinion(case: Case, rules: Rules, score: Score) -> Case:
    return judge(opine(case, score), rules)
