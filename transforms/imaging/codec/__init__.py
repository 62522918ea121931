"""Bytes to pixels and back: headers, limits, decoding that can be killed, encoding with its metadata."""
