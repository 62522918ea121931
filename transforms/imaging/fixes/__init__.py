"""Mending: one operation a file, plain functions on uint8 sRGB pixels, parameters taken from the photo."""
