"""Every code a user can meet, in one place: what can be wrong with a photo, and what can stop one from being judged.

Docs, records, messages and advice derive from the two tables below; a test compares `docs/data.md` with them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReasonText:
    """What a reason code means, and what the seller is told to do; `{amount}` is filled from the reason."""

    meaning: str
    advice_en: str
    advice_zh: str
    rubric: str
    """The code of the labelling rubric that this one counts as."""


REASONS: dict[str, ReasonText] = {}
"""Reason code -> its texts."""

REFUSALS: dict[str, str] = {
    # the event
    "bad_manifest_row": "a manifest row that names no image or has a field of the wrong type",
    "bad_event": "a message that no known event schema fits",
    "bad_uri": "a URI that is malformed or of a scheme that is not served",
    # the bytes
    "not_found": "nothing is there",
    "permission_denied": "it is there, but may not be read",
    "is_directory": "the name is a folder",
    "forbidden_location": "the place is outside what this configuration allows to be read",
    "fetch_timeout": "the store did not answer in time",
    "fetch_failed": "the store answered with an error that a retry did not cure",
    "changed": "the stored object is no longer the version that the event names",
    # the file
    "empty_file": "0 bytes",
    "too_many_bytes": "larger than the limit on bytes",
    "too_many_pixels": "more pixels than the limit",
    "too_many_frames": "more frames than the limit",
    "not_an_image": "the bytes are of no image format",
    "unsupported_format": "an image format, or a variant of one, that is not decoded here",
    "truncated": "the file ends before its picture does",
    "corrupt": "the file breaks its format's rules",
    "decode_timeout": "decoding took longer than the limit",
    "decode_memory": "decoding needed more memory than the limit",
    "decoder_crashed": "the decoder process died on it",
    # the work
    "score_failed": "the model could not be run on it, alone",
    "write_failed": "the mended photo could not be written",
    "poison": "it was being processed each time the process died",
    "internal_error": "a fault in this program; the message names it",
}
"""Dead-letter code -> meaning."""
