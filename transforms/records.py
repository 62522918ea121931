"""What goes in, and what is written down: the event, the dead letter, the rows of both tables, and the tables' schemas.

`docs/data.md` says what every column means; a test compares it with the schemas here. Columns are only ever added, at
the end. pyarrow is imported only where a schema is asked for, so that `vitrine check` can print a row without it.
"""

import base64
import dataclasses
import functools
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from models.defects import DEFECTS
from transforms.errors import RefusalError
from transforms.imaging.types import Action, Assessment, Box, Judgement, Mended, Prediction, Reason

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 1
"""Raised by one when a change needs a reader to know of it; a table of a higher version is left alone."""

ROLES = ("main", "detail", "size_chart", "unknown")
"""What a photo is to its product."""

MAX_MESSAGE = 2_000
"""Characters of a dead letter's message; a decoder's message can quote the file."""

Row = dict[str, Any]
"""Column -> value, as Arrow takes it."""


@dataclass(frozen=True, slots=True)
class ImageEvent:
    """One version of one photo, as its source announced it.

    `uri` is canonical and `generation` sortable as text within one source (see `docs/data.md`). `extra` holds the
    fields that are not known here, `data` the photo itself where the event carried it. `revision` rises by one each
    time that the same version is judged again on purpose. `location` is where the bytes are read when that is not `uri`
    itself: with the signature, or the store's own version id, that came in. `size` is in bytes, as the source said.
    """

    event_id: str
    uri: str
    generation: str = ""
    source_position: str | None = None
    product_id: str | None = None
    seller_id: str | None = None
    category: str | None = None
    role: str = "unknown"
    event_time: datetime | None = None
    revision: int = 0
    trace_id: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    data: bytes | None = None
    location: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event or a photo that could not go on: at which stage, by which code of `REFUSALS`, and what came in.

    `uri` and `generation` are None where the input named none. `payload` is JSON text, enough to try again.
    """

    event_id: str
    stage: str
    code: str
    message: str
    payload: str
    failed_at: datetime
    uri: str | None = None
    generation: str | None = None
    source_position: str | None = None
    attempts: int = 1
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Maker:
    """What made a row: the program, the model and its form, the settings that can change a verdict or an image."""

    pipeline_version: str
    model_version: str
    model_form: str
    config_digest: str


def dead_letter(
    event: ImageEvent, stage: str, refusal: RefusalError, failed_at: datetime, attempts: int = 1
) -> DeadLetter:
    """Return the dead letter of an event that was refused at a stage."""
    return DeadLetter(
        event_id=event.event_id,
        stage=stage,
        code=refusal.code,
        message=refusal.message,
        payload=event_payload(event),
        failed_at=failed_at,
        uri=event.uri,
        generation=event.generation,
        source_position=event.source_position,
        attempts=attempts,
        revision=event.revision,
    )


def unread_dead_letter(
    event_id: str, raw: str | bytes, stage: str, refusal: RefusalError, failed_at: datetime, source_position: str
) -> DeadLetter:
    """Return the dead letter of an input that never became an event; `event_id` derives from where it was read."""
    return DeadLetter(
        event_id=event_id,
        stage=stage,
        code=refusal.code,
        message=refusal.message,
        payload=raw_payload(raw),
        failed_at=failed_at,
        source_position=source_position,
    )


def event_payload(event: ImageEvent) -> str:
    """Write an event as JSON: its own fields that are set, then `extra`; inline bytes as base64 under `data`."""
    known = {f.name: getattr(event, f.name) for f in dataclasses.fields(event)}
    known["event_time"] = event.event_time and event.event_time.isoformat()
    known["data"] = None if event.data is None else base64.b64encode(event.data).decode("ascii")
    known["extra"] = dict(event.extra) or None
    return _json({name: value for name, value in known.items() if value is not None})


def event_from_payload(payload: str) -> ImageEvent:
    """Read back what `event_payload` wrote.

    Raises:
        RefusalError: bad_event, where the text is no event of ours.
    """
    try:
        known = json.loads(payload)
        if (at := known.get("event_time")) is not None:
            known["event_time"] = datetime.fromisoformat(at)
        if (data := known.get("data")) is not None:
            known["data"] = base64.b64decode(data, validate=True)
        return ImageEvent(**known)
    except (ValueError, TypeError, AttributeError) as error:
        raise RefusalError("bad_event", f"the payload is no event of this program: {error}") from error


def raw_payload(raw: str | bytes) -> str:
    """Keep an unreadable input exactly: as it came where it is text, else as `{"base64": …}`."""
    if isinstance(raw, str):
        return raw
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return json.dumps({"base64": base64.b64encode(raw).decode("ascii")})


def quality_row(
    event: ImageEvent,
    assessment: Assessment,
    prediction: Prediction | None,
    judgement: Judgement,
    maker: Maker,
    *,
    size: int,
    processed_at: datetime,
    elapsed_ms: float,
    mended: Mended | None = None,
    score_after: float | None = None,
    optimized: bytes | None = None,
    optimized_uri: str | None = None,
) -> Row:
    """Return the row of one photo in the table `quality`.

    Args:
        event: the photo's version.
        assessment: of the original.
        prediction: of the original; None where there was nothing to score, and `assessment.unscored` says why.
        judgement: the final verdict, with the original's reasons.
        maker: what judged it.
        size: of the original, bytes.
        processed_at: when it was judged, aware.
        elapsed_ms: the work done on it, without waiting.
        mended: what the optimizer tried; None where nothing asked for it.
        score_after: the model's opinion of the mended photo.
        optimized: the mended photo as it was written; None where nothing was.
        optimized_uri: where it was written. It is delivered only with the verdict improve: a retake's is a proposal.
    """
    mended = mended or Mended(None)
    header = assessment.header
    processed_at = processed_at.astimezone(UTC)
    return {
        "event_id": _text(event.event_id),
        "uri": _text(event.uri),
        "generation": _text(event.generation),
        "revision": event.revision,
        "source_position": _text(event.source_position),
        "product_id": _text(event.product_id),
        "seller_id": _text(event.seller_id),
        "category": _text(event.category),
        "role": event.role,
        "event_time": event.event_time,
        "sha256": assessment.sha256,
        "phash": assessment.phash,
        "format": header.format,
        "bytes": size,
        "width": header.width,
        "height": header.height,
        "score": prediction and _finite(prediction.score),
        "score_low": prediction and _finite(prediction.low),
        "score_high": prediction and _finite(prediction.high),
        "band": judgement.band,
        "verdict": judgement.verdict,
        "reasons": [_reason(reason) for reason in judgement.reasons],
        "measures": {name: _finite(value) for name, value in assessment.measures.items()},
        "defects": prediction and {name: _finite(prediction.defects.get(name)) for name in DEFECTS},
        "actions": _actions(mended.actions),
        "declined": _actions(mended.declined),
        "score_after": _finite(score_after),
        "delivered_uri": optimized_uri if optimized_uri and judgement.verdict == "improve" else _text(event.uri),
        "optimized_uri": optimized_uri,
        "optimized_sha256": None if optimized is None else hashlib.sha256(optimized).hexdigest(),
        "optimized_bytes": None if optimized is None else len(optimized),
        "schema_version": SCHEMA_VERSION,
        **dataclasses.asdict(maker),
        "processed_at": processed_at,
        "elapsed_ms": elapsed_ms,
        "dt": processed_at.date(),
        "duplicate_of": None,
        "distance": None,
        "compliance": None,
        "renditions": None,
        "unscored": assessment.unscored,
        "notes": list(header.notes),
        "product_region": _box(assessment.region),
        "product_region_confidence": _finite(assessment.region_confidence),
        "trace_id": _text(event.trace_id),
        "extra": _json(dict(event.extra)) if event.extra else None,
        "doubt": "unfamiliar" if prediction and prediction.unfamiliar else None,
    }


def duplicate_row(row: Row, event: ImageEvent, processed_at: datetime) -> Row:
    """Return the row of a photo whose equal was judged before: what was found is copied, who it is and when is its own."""
    processed_at = processed_at.astimezone(UTC)
    return row | {
        "event_id": _text(event.event_id),
        "uri": _text(event.uri),
        "generation": _text(event.generation),
        "revision": event.revision,
        "source_position": _text(event.source_position),
        "product_id": _text(event.product_id),
        "seller_id": _text(event.seller_id),
        "category": _text(event.category),
        "event_time": event.event_time,
        "delivered_uri": _text(event.uri) if row["delivered_uri"] == row["uri"] else row["delivered_uri"],
        "processed_at": processed_at,
        "elapsed_ms": 0.0,
        "dt": processed_at.date(),
        "duplicate_of": row["duplicate_of"] or row["event_id"],
        "trace_id": _text(event.trace_id),
        "extra": _json(dict(event.extra)) if event.extra else None,
    }


def dead_letter_row(letter: DeadLetter) -> Row:
    """Return the row of one dead letter in the table `dead_letters`."""
    failed_at = letter.failed_at.astimezone(UTC)
    return {
        "event_id": _text(letter.event_id),
        "uri": _text(letter.uri),
        "generation": _text(letter.generation),
        "source_position": _text(letter.source_position),
        "stage": letter.stage,
        "code": letter.code,
        "message": _text(letter.message[:MAX_MESSAGE]),
        "attempts": letter.attempts,
        "failed_at": failed_at,
        "payload": _text(letter.payload),
        "dt": failed_at.date(),
        "revision": letter.revision,
    }


@functools.cache
def quality_schema() -> "pa.Schema":
    """Return the Arrow schema of the table `quality`: names and order are the contract."""
    import pyarrow as pa

    from transforms.imaging.measures import MEASURES

    text, number, integer, when = pa.string(), pa.float64(), pa.int64(), pa.timestamp("us", tz="UTC")
    box = pa.struct([("x", number), ("y", number), ("width", number), ("height", number)])
    reason = pa.struct([("code", text), ("severity", number), ("region", box), ("amount", number)])
    action = pa.struct(
        [("operation", text), ("parameters", text), ("before", number), ("after", number), ("bound", text)]
    )
    return _schema(
        event_id=text,
        uri=text,
        generation=text,
        revision=integer,
        source_position=text,
        product_id=text,
        seller_id=text,
        category=text,
        role=text,
        event_time=when,
        sha256=text,
        phash=text,
        format=text,
        bytes=integer,
        width=integer,
        height=integer,
        score=number,
        score_low=number,
        score_high=number,
        band=text,
        verdict=text,
        reasons=pa.list_(reason),
        measures=pa.struct([(measure.name, number) for measure in MEASURES]),
        defects=pa.struct([(name, number) for name in DEFECTS]),
        actions=pa.list_(action),
        declined=pa.list_(action),
        score_after=number,
        delivered_uri=text,
        optimized_uri=text,
        optimized_sha256=text,
        optimized_bytes=integer,
        schema_version=integer,
        pipeline_version=text,
        model_version=text,
        model_form=text,
        config_digest=text,
        processed_at=when,
        elapsed_ms=number,
        dt=pa.date32(),
        duplicate_of=text,
        distance=number,
        compliance=text,
        renditions=text,
        unscored=text,
        notes=pa.list_(text),
        product_region=box,
        product_region_confidence=number,
        trace_id=text,
        extra=text,
        doubt=text,
    )


@functools.cache
def dead_letters_schema() -> "pa.Schema":
    """Return the Arrow schema of the table `dead_letters`: names and order are the contract."""
    import pyarrow as pa

    text, integer, when = pa.string(), pa.int64(), pa.timestamp("us", tz="UTC")
    return _schema(
        event_id=text,
        uri=text,
        generation=text,
        source_position=text,
        stage=text,
        code=text,
        message=text,
        attempts=integer,
        failed_at=when,
        payload=text,
        dt=pa.date32(),
        revision=integer,
    )


def _schema(**columns: "pa.DataType") -> "pa.Schema":
    import pyarrow as pa

    # What identifies a row is never null. All else may be, so that a column can be added to a table that has rows.
    return pa.schema([pa.field(name, kind, nullable=name not in ("event_id", "dt")) for name, kind in columns.items()])


def _reason(reason: Reason) -> Row:
    return {
        "code": reason.code,
        "severity": _finite(reason.severity),
        "region": _box(reason.region),
        "amount": _finite(reason.amount),
    }


def _actions(actions: Sequence[Action]) -> list[Row]:
    return [
        {
            "operation": action.operation,
            "parameters": json.dumps(dict(action.parameters), sort_keys=True),
            "before": _finite(action.before),
            "after": _finite(action.after),
            "bound": action.bound,
        }
        for action in actions
    ]


def _box(box: Box | None) -> dict[str, float] | None:
    return None if box is None else {"x": box.x, "y": box.y, "width": box.width, "height": box.height}


def _finite(value: float | None) -> float | None:
    # NaN is a number to SQL: max() and order by would pick it. What is not known is null.
    return None if value is None or not math.isfinite(value) else float(value)


def _json(value: Any) -> str:
    # Python writes NaN and Infinity, which are no JSON: a database that is asked for a field of it would refuse.
    return json.dumps(json.loads(json.dumps(value, default=str), parse_constant=str), sort_keys=True)


def _text(value: str | None) -> str | None:
    # A file name that is no UTF-8 reaches a message as lone surrogates, which Parquet's text cannot hold.
    return None if value is None else value.encode("utf-8", "backslashreplace").decode("utf-8")
