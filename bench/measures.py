"""What assessing a photo costs one core, part by part and family by family: the least of many rounds, the mean over photos.

    python -m bench.measures                                mosaics of the samples: 400 px, 1.4 MP, 12 MP
    python -m bench.measures WHERE [WHERE ...]              photos, or folders of which --photos are taken evenly; one column each

`measures` is the goal's figure: `look` (what is computed once for all measures: copies, product region, structure function) and
every family, without decoding. `assess` is the whole of it as a run does it: decoding, measures, tiles, hashes. Core time counts
what this thread spends, so other work on the machine disturbs it less than it does a clock; the least of the rounds disturbs least.
"""

import argparse
import hashlib
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.speed import SIZES, mosaics
from models.tiles import TileSettings, cut
from pipelines import memory
from transforms.imaging.assess import assess
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.identity import phash
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.measures import FAMILIES, look, measure, photographic
from transforms.one_core import work_on_one_core

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def least(work: Callable[[], object], rounds: int) -> float:
    """Return the least core time of `rounds`, milliseconds."""
    best = float("inf")
    for _ in range(rounds):
        began = time.thread_time()
        work()
        best = min(best, time.thread_time() - began)
    return best * 1e3


def parts(data: bytes, rounds: int) -> dict[str, float]:
    """Core-milliseconds of each part of one photo's assessment."""
    photo = decode(data, DecodeLimits())
    pixels = photo.pixels
    works: dict[str, Callable[[], object]] = {
        "assess": lambda: assess(data),
        "decode": lambda: decode(data, DecodeLimits()),
        "tiles": lambda: cut(pixels, TileSettings()),
        "phash": lambda: phash(view.small),
        "sha256": lambda: hashlib.sha256(data).hexdigest(),
        "measures": lambda: measure(look(pixels, photo.jpeg_quality)),
        "look": lambda: look(pixels, photo.jpeg_quality),
    }
    for family in FAMILIES:
        name = family.__name__.rsplit(".", 1)[1]
        # A view of its own: what a family computes first, others may find there.
        works[name] = lambda family=family: family.measure(measured if family is photographic else view)
    view, found = look(pixels, photo.jpeg_quality), {}
    measured = measure(view)
    for name, work in works.items():
        view = look(pixels, photo.jpeg_quality)
        found[name] = least(work, rounds)
    return found


def photos(where: Path, count: int) -> list[bytes]:
    """Read one photo, or `count` of a folder, evenly taken."""
    if where.is_file():
        return [where.read_bytes()]
    names = sorted(path for path in where.iterdir() if path.suffix.lower() in _SUFFIXES)
    return [path.read_bytes() for path in names[:: max(1, len(names) // count)][:count]]


def show(columns: dict[str, list[dict[str, float]]]) -> None:
    """Print one row a part, one column a set of photos."""
    means = {
        title: {name: statistics.fmean(p[name] for p in each) for name in each[0]} for title, each in columns.items()
    }
    print(f"{'core-ms a photo':<16}" + "".join(f"{title:>16}" for title in means))
    for name in next(iter(means.values())):
        print(f"{name:<16}" + "".join(f"{mean[name]:>16.2f}" for mean in means.values()))


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("where", type=Path, nargs="*")
    parser.add_argument("--photos", type=int, default=8, help="how many of each folder")
    parser.add_argument("--rounds", type=int, default=20)
    args = parser.parse_args(argv)
    work_on_one_core()
    memory.settle_heaps(1)
    sets = {path.name: photos(path, args.photos) for path in args.where}
    if empty := [title for title, each in sets.items() if not each]:
        parser.error(f"no photo lies in {', '.join(empty)} itself: name folders that hold photos")
    if not sets:
        sets = {name: mosaics(Path("samples"), *size, args.photos) for name, size in SIZES.items()}
    show({title: [parts(data, args.rounds) for data in each] for title, each in sets.items()})


if __name__ == "__main__":
    main()
