"""Decode every file of a folder, however odd, and hold the outcomes against Pillow's.

    python bench/odd_files.py FOLDER

Each file must end as pixels or as a refusal with a code; what Pillow loads with warnings as errors, in one of six formats and
within the limits, must not be refused. Both decoders run in processes of their own, so a crash or a hang is a line of the table.
"""

import argparse
import json
import os
import resource
import select
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

ARBITER_FORMATS = {"JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF"}
HANG_S = 60.0


def decode_ours(path: Path) -> dict[str, Any]:
    from transforms.errors import RefusalError
    from transforms.imaging.codec.decode import decode
    from transforms.imaging.codec.header import read_header
    from transforms.imaging.codec.limits import DecodeLimits

    data = path.read_bytes()
    limits = DecodeLimits()
    try:
        photo = decode(data, limits)
    except RefusalError as refusal:
        return {"outcome": "refused", "code": refusal.code, "message": refusal.message}
    same = (photo.header.width, photo.header.height) == photo.pixels.shape[1::-1]
    same = same and photo.pixels.dtype.name == "uint8" and read_header(data, limits).format == photo.header.format
    return {"outcome": "photo", "code": photo.header.format, "message": " ".join(photo.notes), "consistent": same}


def frames_of(picture: Any) -> int:
    try:
        return int(getattr(picture, "n_frames", 1))
    except Exception:
        return 1


def decode_with_arbiter(path: Path) -> dict[str, Any]:
    from PIL import Image

    from transforms.imaging.codec.limits import DecodeLimits

    limits = DecodeLimits()
    warnings.simplefilter("error")
    Image.MAX_IMAGE_PIXELS = limits.max_pixels
    try:
        if path.stat().st_size > limits.max_bytes:
            return {"outcome": "over"}
        with Image.open(path) as picture:
            picture.load()
            if picture.width * picture.height > limits.max_pixels or frames_of(picture) > limits.max_frames:
                return {"outcome": "over"}
            return {"outcome": "photo" if picture.format in ARBITER_FORMATS else "other", "code": picture.format}
    except Exception as error:
        return {"outcome": "refused", "code": type(error).__name__, "message": str(error)[:100]}


def serve(kind: str) -> None:
    function = {"ours": decode_ours, "pillow": decode_with_arbiter}[kind]
    for line in sys.stdin:
        begun = time.perf_counter()
        try:
            answer = function(Path(json.loads(line)))
        except BaseException as error:
            answer = {"outcome": "exception", "code": type(error).__name__, "message": str(error)}
        answer["seconds"] = time.perf_counter() - begun
        answer["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(answer), flush=True)


class Decoder:
    """A process that decodes one file after another, and is replaced when one kills it."""

    def __init__(self, kind: str, spill: Path):
        self.kind, self.spill = kind, spill
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, __file__, "--serve", self.kind]
        with self.spill.open("ab") as spill:
            environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
            return subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=spill, env=environment, bufsize=0
            )

    def ask(self, path: Path) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(str(path)).encode() + b"\n")
        if not select.select([self.process.stdout], [], [], HANG_S)[0]:
            self.process.kill()
            answer = {"outcome": "hang", "seconds": HANG_S}
        elif line := self.process.stdout.readline():
            return dict(json.loads(line))
        else:
            answer = {"outcome": "crash", "seconds": 0.0}
        answer["code"] = str(self.process.wait())
        self.process = self.start()
        return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--serve", choices=["ours", "pillow"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve)
        return
    paths = sorted(path for path in args.folder.rglob("*") if path.is_file())
    table: Counter[tuple[str, str]] = Counter()
    against, odd, slow, spilled = [], [], [], []
    loaded = 0
    with tempfile.TemporaryDirectory() as scratch:
        spill = Path(scratch) / "stderr"
        ours, pillow = Decoder("ours", spill), Decoder("pillow", Path(scratch) / "other")
        peak, before = 0.0, 0
        for path in paths:
            answer, arbiter = ours.ask(path), pillow.ask(path)
            table[answer["outcome"], answer["code"]] += 1
            loaded += arbiter["outcome"] == "photo"
            slow.append((answer["seconds"], path))
            peak = max(peak, answer.get("peak_mb", 0.0))
            if answer["outcome"] == "refused" and arbiter["outcome"] == "photo":
                against.append(f"{path}: {answer['code']}: {answer['message']}")
            if answer["outcome"] not in ("photo", "refused") or not answer.get("consistent", True):
                odd.append(f"{path}: {answer}")
            if spill.stat().st_size > before:
                spilled.append(str(path))
                before = spill.stat().st_size
    for (outcome, code), count in sorted(table.items()):
        print(f"{outcome:10} {code:20} {count:6}")
    for title, lines in (
        ("refused, but Pillow loads it", against),
        ("crash, hang, exception or inconsistent", odd),
        ("wrote to stderr", spilled),
    ):
        print(f"\n{title}: {len(lines)}", *lines, sep="\n  ")
    print(f"\nfiles {len(paths)}, of which Pillow loads {loaded} that must not be refused")
    print(f"seconds {sum(seconds for seconds, _ in slow):.1f}, peak {peak:.0f} MB; slowest:")
    for seconds, path in sorted(slow, reverse=True)[:8]:
        print(f"  {seconds:6.2f} s  {path}")


if __name__ == "__main__":
    main()
