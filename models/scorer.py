"""The trained model behind one call, in any of its served forms: `load()`, then `.score(tiles)`.

The LiteRT forms need neither TensorFlow nor Beam, so that one photo is answered within a second: int8, and float32 to compare
it with. The SavedModel is for batches on a GPU. All hold the same weights; their scores differ by less than a point or two.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.tiles import LAYOUT, TileSettings
from transforms.errors import UserError
from transforms.imaging.types import Pixels, Prediction, Seen
from transforms.settings import setting

SHIPPED = Path(__file__).parent / "quality"
"""The trained model that comes with the program."""

FORMS = ("int8", "litert", "savedmodel")
FILES = {"int8": "int8.tflite", "litert": "float.tflite", "savedmodel": "saved_model"}
CARD = "model.json"
BUCKETS = (1, 4, 16, 32)
"""Photos in one run of the SavedModel: a GPU prepares itself for each size anew, so there are few; the last bounds its memory."""

Outputs = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which trained model is used, and in which form."""

    directory: str = setting(
        "", unit="", why="folder of the trained model; empty for the one that is shipped", decides=True
    )
    form: str = setting(
        "auto",
        unit="",
        why="int8, litert (float32), savedmodel, or auto: savedmodel where a GPU is found, else int8",
        decides=True,
    )
    precision: str = setting(
        "float32",
        unit="",
        why="of the convolutions of savedmodel: float32, bfloat16 or float16 (heads stay float32; for a GPU's batches)",
        decides=True,
    )


PRECISIONS = ("float32", "bfloat16", "float16")


class Scorer(ABC):
    """One loaded model. It may be called from many threads at once."""

    form: str
    gains_by_batches = False
    """Whether photos together take less time than one after the other."""

    def __init__(self, directory: Path, card: Mapping[str, Any]):
        self.version: str = card["model_version"]
        self.tiles = TileSettings(**card["tiles"])
        self.defects: tuple[str, ...] = tuple(card["defects"])
        self.scalars: tuple[str, ...] = tuple(card.get("scalars", ()))
        self.familiar_within: float = card.get("familiar_within", np.inf)
        self.shape = (len(LAYOUT), self.tiles.side, self.tiles.side, 3)

    def score(self, tiles: Pixels, measures: Sequence[Mapping[str, float]] | None = None) -> list[Prediction]:
        """Score photos, each as it would be alone: the score does not depend on its neighbours by more than .01.

        Args:
            tiles: photos x tiles x side x side x 3, uint8, as `models.tiles.cut` makes them.
            measures: one mapping for each photo, in a model that looks at them (`scalars` names which); else not looked at.

        Returns:
            One prediction for each photo, in order.

        Raises:
            ValueError: when the shape or type is another, measures are missing, or an output is not a finite number.
        """
        self.check(tiles[0] if len(tiles) else np.empty(self.shape, np.uint8))
        predictions = [self._prediction(row) for row in self._run(tiles, measures)]
        if not all(np.isfinite((p.score, p.low, p.high)).all() for p in predictions):
            raise ValueError("the model's output is not a finite number")
        return predictions

    def opinion(self, seen: Seen) -> Prediction:
        """Score one photo.

        Raises:
            ValueError: as `score`.
        """
        return self.score(seen.tiles[None], [seen.measures])[0]

    def warm_up(self) -> None:
        """Do what the first photo would have to wait for."""
        self._warm(1)

    def _warm(self, photos: int) -> None:
        self.score(np.zeros((photos, *self.shape), np.uint8), [{}] * photos)

    def _run(self, tiles: Pixels, measures: Sequence[Mapping[str, float]] | None) -> Sequence[Outputs]:
        if self.scalars and (measures is None or len(measures) != len(tiles)):
            raise ValueError(
                "this model looks at what was measured of each photo, too: give it as many measures as photos"
            )
        # What was not measured is NaN, which the model takes for nothing known.
        rows = [[photo.get(name, np.nan) for name in self.scalars] for photo in measures or ()] if self.scalars else []
        vectors = np.array(rows, np.float32).reshape(len(tiles), len(self.scalars))
        return self._rows(np.ascontiguousarray(tiles), vectors)

    def expect(self, settings: TileSettings) -> None:
        """Raise a UserError where photos are cut otherwise than those that the model was trained on."""
        if settings != self.tiles:
            told = " ".join(f"--tiles-{name} {value}" for name, value in asdict(self.tiles).items())
            raise UserError(f"this model was trained on other tiles: give it {told}")

    def check(self, tiles: Pixels) -> None:
        """Say with a ValueError why one photo's tiles cannot be scored; return None where they can."""
        if not isinstance(tiles, np.ndarray) or tiles.dtype != np.uint8 or tiles.shape != self.shape:
            got = f"{tiles.dtype} {tiles.shape}" if isinstance(tiles, np.ndarray) else type(tiles).__name__
            raise ValueError(f"tiles must be uint8 {self.shape}, not {got}")

    @abstractmethod
    def _rows(self, tiles: Pixels, scalars: npt.NDArray[np.float32]) -> Sequence[Outputs]:
        """Run the model on photos' tiles and photos x measures: one mapping of output name to its values for each photo."""

    def _prediction(self, row: Outputs) -> Prediction:
        score, low, high = (float(row[name]) for name in ("score", "low", "high"))
        defects = {name: float(row["defects"][place]) for place, name in enumerate(self.defects)}
        # The scale's ends cut one side of the interval off, hardly both.
        return Prediction(score, low, high, defects, max(score - low, high - score) > self.familiar_within)


class LiteRTScorer(Scorer):
    """A LiteRT form: one photo a call, one core for each interpreter."""

    form = "litert"

    def __init__(self, directory: Path, card: Mapping[str, Any]):
        super().__init__(directory, card)
        self._model = (directory / FILES[self.form]).read_bytes()
        self._idle: list[Any] = []

    def _rows(self, tiles: Pixels, scalars: npt.NDArray[np.float32]) -> Sequence[Outputs]:
        more = [{"scalars": vector[None]} for vector in scalars] if self.scalars else [{}] * len(tiles)
        with self._runner() as run:
            # The outputs' arrays are the interpreter's own memory, overwritten by the next call.
            return [
                {name: np.array(value[0]) for name, value in run(tiles=photo[None], **given).items()}
                for photo, given in zip(tiles, more, strict=True)
            ]

    @contextlib.contextmanager
    def _runner(self) -> Iterator[Any]:
        """Lend an interpreter: as many are made as are used at once, whichever threads come and go."""
        try:
            runner = self._idle.pop()
        except IndexError:
            runner = self._make()
        yield runner
        self._idle.append(runner)

    def _make(self) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        with _quiet():
            interpreter = Interpreter(model_content=self._model, num_threads=1)
            interpreter.allocate_tensors()
        return interpreter.get_signature_runner("serve")


class Int8Scorer(LiteRTScorer):
    """The LiteRT form whose backbone is int8."""

    form = "int8"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep a line that LiteRT prints for each interpreter from the user: it has no switch, and goes past Python's streams."""
    with _lock, open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - os.devnull is no path of ours
        kept = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


class SavedModelScorer(Scorer):
    """The SavedModel: whole batches, on a GPU where there is one."""

    form = "savedmodel"
    gains_by_batches = True

    def __init__(self, directory: Path, card: Mapping[str, Any], precision: str = "float32"):
        super().__init__(directory, card)
        import tensorflow as tf

        # Workers are threads already; the call fails where TensorFlow has begun, and then its user has chosen.
        for limit in (
            tf.config.threading.set_intra_op_parallelism_threads,
            tf.config.threading.set_inter_op_parallelism_threads,
        ):
            try:
                limit(1)
            except RuntimeError:
                break
        self._loaded = tf.saved_model.load(str(directory / FILES["savedmodel"]))
        self._serve = self._loaded.signatures["serve"]
        if precision != "float32":
            self.form = f"{self.form}-{precision}"
            from models.precision import lowered_function

            self._serve = lowered_function(self._serve, tf.as_dtype(precision))
        self._constant = tf.constant
        self._gpu = bool(tf.config.list_physical_devices("GPU"))

    def warm_up(self) -> None:
        """Run each size of batch once where a GPU prepares itself for it, else one photo."""
        for size in BUCKETS if self._gpu else BUCKETS[:1]:
            self._warm(size)

    def _rows(self, tiles: Pixels, scalars: npt.NDArray[np.float32]) -> Sequence[Outputs]:
        rows: list[Outputs] = []
        for start in range(0, len(tiles), BUCKETS[-1]):
            photos = tiles[start : start + BUCKETS[-1]]
            # Blank photos fill the batch up on a GPU; on a CPU they would cost as much as any other.
            filled = _filled(photos) if self._gpu else photos
            given = {"tiles": self._constant(filled)}
            if self.scalars:
                here = scalars[start : start + BUCKETS[-1]]
                given["scalars"] = self._constant(_filled(here) if self._gpu else here)
            outputs = self._serve(**given)
            arrays = {name: value.numpy()[: len(photos)] for name, value in outputs.items()}
            rows += [dict(zip(arrays, values, strict=True)) for values in zip(*arrays.values(), strict=True)]
        return rows


def _filled(photos: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What is given of some photos, and as much of blank ones, up to the next size of `BUCKETS`."""
    size = next(size for size in BUCKETS if size >= len(photos))
    return np.concatenate([photos, np.zeros((size - len(photos), *photos.shape[1:]), photos.dtype)])


_SCORERS: dict[str, type[LiteRTScorer]] = {"int8": Int8Scorer, "litert": LiteRTScorer}
_loaded: dict[tuple[str, str, str], Scorer] = {}
_lock = threading.Lock()


def load(
    directory: Path | str | None = None, form: str = "auto", *, precision: str = "float32", tensorflow: bool = True
) -> Scorer:
    """Load a trained model; the same one is loaded once in a process, whoever asks.

    Args:
        directory: the model's folder; None or "" for the shipped one.
        form: "int8", "litert" (float32), "savedmodel", or "auto": the SavedModel where a GPU and TensorFlow are found, else
            int8, and litert where that was not written.
        precision: of the SavedModel's convolutions; what a run is for a GPU is no other on a worker without one, so where
            "auto" chooses another form it is passed over.
        tensorflow: False where "auto" must not choose what needs it.

    Raises:
        UserError: when there is no whole model of that form there, or the form knows no such precision.
    """
    folder = Path(directory or SHIPPED)
    card = read_card(folder)
    if precision not in PRECISIONS:
        raise UserError(f"no such precision: {precision}; choose one of {', '.join(PRECISIONS)}")
    if form not in (*FORMS, "auto"):
        raise UserError(f"no such form of the model: {form}; choose auto or one of {', '.join(FORMS)}")
    if precision != "float32" and form not in ("auto", "savedmodel"):
        raise UserError(f"the form {form} has no other precision than its own: {precision} is for savedmodel or auto")
    form = choose_form(card["digests"], tensorflow) if form == "auto" else form
    precision = precision if form == "savedmodel" else "float32"
    with _lock:
        key = (card["digests"].get(form, ""), form, precision)
        if key not in _loaded:
            if not key[0] or digest(folder / FILES[form]) != key[0]:
                raise UserError(
                    f"{folder / FILES[form]} is missing or is not what {CARD} describes: train again, or restore it"
                )
            _loaded[key] = (
                SavedModelScorer(folder, card, precision) if form == "savedmodel" else _SCORERS[form](folder, card)
            )
        return _loaded[key]


def read_card(folder: Path) -> dict[str, Any]:
    """`model.json` of a model's folder.

    Raises:
        UserError: when it is missing or not readable.
    """
    try:
        card: dict[str, Any] = json.loads((folder / CARD).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"there is no trained model in {folder}: {error}; `vitrine train` makes one") from error
    return card


def choose_form(written: Container[str], tensorflow: bool = True) -> str:
    """Return "savedmodel" where an NVIDIA device and TensorFlow are there, else "int8" where it is written, else "litert".

    It imports no TensorFlow to find out.
    """
    gpu = any(Path("/dev").glob("nvidia[0-9]*"))
    if tensorflow and gpu and importlib.util.find_spec("tensorflow"):
        return "savedmodel"
    return "int8" if "int8" in written else "litert"


def digest(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder with their names; "" where nothing is there."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    total = hashlib.sha256()
    files = sorted(file for file in path.rglob("*") if file.is_file())
    for file in files:
        total.update(f"{file.relative_to(path).as_posix()}\0{digest(file)}\n".encode())
    return total.hexdigest() if files else ""
