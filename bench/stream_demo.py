"""A watched folder: a few photos dropped in one after another, their verdicts as they appear. `python -m bench.stream_demo`."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

SAMPLES = Path("samples")
PLACE = Path("out/stream-demo")
PHOTOS = 4
WAIT_S = 60.0


def main() -> None:
    """Run the demonstration; nothing is left running."""
    shutil.rmtree(PLACE, ignore_errors=True)
    inbox = PLACE / "inbox"
    inbox.mkdir(parents=True)
    words = ["stream", "--source", f"dir://{inbox}", "--output", str(PLACE / "out")]
    print(f"$ vitrine {' '.join(words)}", flush=True)
    command = [sys.executable, "-m", "pipelines.cli", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watchdog = threading.Timer(WAIT_S, process.kill)
    watchdog.start()
    try:
        while "watching" not in (said := process.stderr.readline()):
            if not said:
                sys.exit("the stream ended before it began")
        # Read on, or the process would wait for room in the pipe.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        for photo in sorted(SAMPLES.glob("*.jpg"))[:PHOTOS]:
            drop(photo, inbox)
            began = time.monotonic()
            verdict = process.stdout.readline().rstrip()
            print(f"  {verdict}   ({time.monotonic() - began:.1f} s after it came)", flush=True)
        process.send_signal(signal.SIGTERM)
        process.wait()
    finally:
        watchdog.cancel()
        process.kill()


def drop(photo: Path, inbox: Path) -> None:
    """Put a copy into the folder, whole at once."""
    part = inbox / f".{photo.name}"
    shutil.copyfile(photo, part)
    part.rename(inbox / photo.name)


if __name__ == "__main__":
    main()
