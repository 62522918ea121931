"""Plain functions on arrays: bytes to pixels and back, measures, verdicts, fixes. Nothing here knows of Beam."""
