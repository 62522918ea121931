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

PENALTIES: dict[str, float] = {"over_sharpening": 3.0, "over_exposure": 2.0, "cast": 1.0, "uneven_light": 1.0}
"""Points that the score loses for each unit of -log(1 - probability): defects of which the rated photos have too few for the
opinion to have learnt them. As large as cost no agreement with people; `docs/model.md` has the trial."""
