"""The defects that the model gives a probability for, in the order of its outputs and of the table's columns."""

DEFECTS: tuple[str, ...] = (
    "blur",
    "noise",
    "compression",
    "under_exposure",
    "over_exposure",
    "low_contrast",
    "cast",
    "uneven_light",
    "low_resolution",
    "over_sharpening",
)
