"""`vitrine bench NAME`: what measures speed and quality, each printing one table. The benches live in `bench/` of a
clone.
"""

import argparse
import importlib
import sys
from pathlib import Path
from types import ModuleType

from pipelines.config import Config
from transforms.errors import UserError

BENCHES: dict[str, tuple[str, str]] = {
    "harm": ("bench.harm", "the certificate of no harm: spoilt photos mended, against their clean originals"),
    "denoise": ("bench.denoise", "every denoiser on pairs *_real / *_mean of a folder, or on camera noise made here"),
    "deblur": ("bench.deblur", "every deblurring on blur of known and of estimated width"),
    "tone": ("bench.tone", "the baselines beside our exposure and contrast, and what each harms"),
    "mending-speed": ("bench.mending_speed", "seconds and memory of every operation, by megapixels"),
}
"""Bench -> its module and its line of help."""

_ROOT = Path(__file__).resolve().parent.parent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vitrine bench` takes: the name of a bench; its own flags follow."""
    lines = "; ".join(f"{name}: {line}" for name, (_, line) in BENCHES.items())
    parser.add_argument("bench", choices=tuple(BENCHES), metavar="NAME", help=lines)
    parser.add_argument("flags", nargs=argparse.REMAINDER, help="of the bench: vitrine bench NAME --help")


def run(args: argparse.Namespace, config: Config) -> int:
    """Run one bench."""
    module = _module(args.bench)
    parser = argparse.ArgumentParser(prog=f"vitrine bench {args.bench}", description=BENCHES[args.bench][1])
    module.add_arguments(parser)
    code: int = module.main(parser.parse_args(args.flags))
    return code


def _module(name: str) -> ModuleType:
    if not (_ROOT / "bench").is_dir():
        raise UserError("benches run from a clone of the repository: its folder bench/ is not here")
    sys.path[:0] = [] if str(_ROOT) in sys.path else [str(_ROOT)]
    return importlib.import_module(BENCHES[name][0])
