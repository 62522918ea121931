"""Numbers as the served files keep them: rounded before anything stands on them, so that every form holds the same ones."""

import numpy as np
import numpy.typing as npt

STEPS = 127
"""A rounded number is a whole number of steps, -127 to 127: what an int8 weight can be."""
BITS = 11
"""Significant bits of a step: a product with a whole number of steps is exact in float32, and so is its division."""


def half(array: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Round to what half precision holds."""
    return array.astype(np.float16).astype(np.float32)


def eighth(array: npt.NDArray[np.floating], axis: int) -> npt.NDArray[np.float32]:
    """Round to int8 steps, a step for each channel, of which the largest number is 127; channels lie along `axis`."""
    others = tuple(place for place in range(array.ndim) if place != axis % array.ndim)
    mantissa, exponent = np.frexp(np.abs(array).max(axis=others, keepdims=True) / STEPS)
    step = np.ldexp(np.ceil(mantissa * 2**BITS) / 2**BITS, exponent)
    rounded: npt.NDArray[np.float32] = (np.rint(array / np.where(step > 0, step, 1)) * step).astype(np.float32)
    return rounded


def steps_of(array: npt.NDArray[np.float32], axis: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]] | None:
    """Whole numbers, and each channel's step (flat), whose product is the array exactly; None where there are none such."""
    others = tuple(place for place in range(array.ndim) if place != axis)
    step = (np.abs(array).max(axis=others, keepdims=True) / STEPS).astype(np.float32)
    step = np.where(step > 0, step, np.float32(1))
    whole = np.rint(array / step).astype(np.int8)
    return (whole, step.reshape(-1)) if np.array_equal(whole * step, array) else None
