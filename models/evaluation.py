"""Measures a trained model: agreement with intervals, calibration, defects found, order kept under growing distortion."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import scipy.stats

from models.dataset import Floats
from models.distortions import DISTORTIONS
from models.scorer import Scorer
from models.tiles import cut
from transforms.imaging import measures
from transforms.imaging.types import Pixels, Prediction, Seen

STEPS = (0.1, 0.4, 0.7, 1.0)
"""Strengths at which each distortion is tried, after the photo itself."""


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % bootstrap interval over photos."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def correlations(scores: Floats, mos: Floats, *, rounds: int = 1000, seed: int = 0) -> dict[str, Figure]:
    """Spearman, Pearson and root mean square error of scores against mean opinions, with bootstrap intervals."""
    rng = np.random.default_rng(seed)
    drawn = [np.arange(len(mos)), *(rng.integers(0, len(mos), len(mos)) for _ in range(rounds))]
    measures = {
        "SRCC": lambda s, m: scipy.stats.spearmanr(s, m).statistic,
        "PLCC": lambda s, m: np.corrcoef(s, m)[0, 1],
        "RMSE": lambda s, m: np.sqrt(np.square(s - m).mean()),
    }
    figures = {}
    for name, measure in measures.items():
        values = [float(measure(scores[index], mos[index])) for index in drawn]
        figures[name] = Figure(values[0], *(float(q) for q in np.quantile(values[1:], [0.025, 0.975])))
    return figures


def calibration(scores: Floats, mos: Floats, cuts: Sequence[float]) -> list[tuple[float, float, int, float, float]]:
    """Each band that has scores: its ends, how many, their mean, and the mean opinion of those photos."""
    ends = [0.0, *cuts, 100.0]
    rows = []
    for low, high in itertools.pairwise(ends):
        inside = (scores >= low) & ((scores < high) | (high == 100.0))
        if inside.any():
            rows.append((low, high, int(inside.sum()), float(scores[inside].mean()), float(mos[inside].mean())))
    return rows


def auc(found: npt.NDArray[np.floating], there: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a photo with the defect gets the higher probability than one without."""
    ranks = scipy.stats.rankdata(found)
    positive, negative = there.sum(), (~there).sum()
    return float((ranks[there].sum() - positive * (positive + 1) / 2) / (positive * negative))


@dataclass(frozen=True)
class Ordered:
    """How scores follow one distortion: share of steps at which the score fell, and the rank correlation within photos."""

    defect: str
    steps_down: float
    rank_correlation: float


def order_kept(photos: Iterable[Pixels], scorer: Scorer, seed: int = 0) -> list[Ordered]:
    """Spoil each photo by growing steps, with the same draw of all else, and see whether its score falls each time."""
    paths: dict[str, list[list[float]]] = {distortion.defect: [] for distortion in DISTORTIONS}
    for photo in photos:
        clean = score(scorer, [photo])[0].score
        for distortion in DISTORTIONS:
            spoilt = [distortion.spoil(photo, step, np.random.default_rng(seed)) for step in STEPS]
            paths[distortion.defect].append([clean, *(p.score for p in score(scorer, spoilt))])
    kept = []
    for defect, scores in paths.items():
        steps = np.diff(np.array(scores), axis=1)
        ranks = [scipy.stats.spearmanr(np.arange(len(path)), path).statistic for path in scores]
        kept.append(Ordered(defect, float((steps < 0).mean()), float(np.nanmean(ranks))))
    return kept


def encoding_drift(photos: Iterable[Pixels], scorer: Scorer, quality: int = 97) -> Floats:
    """How many points each photo's score moves when its pixels have been stored as JPEG."""
    moves = []
    for photo in photos:
        data = cv2.imencode(".jpg", cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        read = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        stored = np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), np.uint8)
        before, after = score(scorer, [photo, stored])
        moves.append(abs(before.score - after.score))
    return np.array(moves)


def score(scorer: Scorer, photos: Sequence[Pixels]) -> list[Prediction]:
    """Cut, measure where the model asks for it, and score whole photos."""
    seen = [shown(scorer, photo) for photo in photos]
    return scorer.score(np.stack([one.tiles for one in seen]), [one.measures for one in seen])


def shown(scorer: Scorer, photo: Pixels) -> Seen:
    """What a model is shown of a photo: its tiles, and its measures if the model looks at them."""
    return Seen(
        cut(photo, scorer.tiles), measures.measure(measures.look(photo), writing=False) if scorer.scalars else {}
    )
