"""The command `vitrine`: one sub-command a job, each in a module of its own that is imported only when it is called.

A command's module has `add_arguments(parser)` and `run(args, config) -> exit code`.
"""

import argparse
import contextlib
import difflib
import importlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from types import FrameType
from typing import NoReturn

from transforms.errors import UserError

COMMANDS: dict[str, tuple[str, str]] = {
    "batch": ("pipelines.batch", "judge and mend every photo of a folder, a bucket or a manifest"),
    "check": ("pipelines.check", "judge a few photos at once"),
    "stream": ("pipelines.stream", "judge photos as they come, from a watched folder or a broker"),
    "improve": ("pipelines.improve", "mend photos into a folder, saying step by step what was done"),
    "restore": ("pipelines.restore", "fill what a mask marks as damaged"),
    "bench": ("pipelines.bench", "measure speed and quality, one table a bench"),
    "replay": ("pipelines.replay", "run dead letters again"),
    "report": ("pipelines.report", "one page about an output folder, with before and after"),
    "sql": ("pipelines.sql", "ask the tables of an output folder"),
    "dataset": ("pipelines.dataset", "make the training data: photos spoilt by steps, labelled, as TFRecord"),
    "train": ("pipelines.train", "train the quality model on photos that people rated"),
    "evaluate": ("pipelines.evaluate", "how good the verdicts and the model are, against labels"),
    "config": ("pipelines.config", "show every setting: value, unit, source"),
}
"""Command -> its module and its line of help."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0 when the job was done, 2 when it cannot be done as asked, 1 for a fault."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(argv)
    except UserError as error:
        print(f"vitrine: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output left (`vitrine sql … | head`): keep the interpreter's last flush from complaining.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Exception as error:
        if "--verbose" in argv:
            raise
        print(f"vitrine: a fault in this program: {type(error).__name__}: {error}", file=sys.stderr)
        print("vitrine: the same command with --verbose shows where; what was committed is safe", file=sys.stderr)
        return 1


def command() -> None:
    """Be the process of one command: leave at once at Ctrl-C until the job is done, and no more once it is.

    A job that a shell put in the background ignores Ctrl-C, and goes on ignoring it.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    code = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def _leave(number: int, frame: FrameType | None) -> None:
    """End the process where it stands: what is committed is safe, as it is from a kill.

    Unwinding would take the workers' threads' ground away under them, wait for them, and print how each of them fell.
    """
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    journal = sys.modules.get("transforms.imaging.codec.journal")  # not worth an import where nothing was decoded
    if journal is not None:
        journal.absolve()
    os.write(2, b"\nvitrine: interrupted; what was committed is safe, and the same command goes on from there\n")
    os._exit(128 + number)


def _run(argv: list[str]) -> int:
    from pipelines import config as configuration  # by now Ctrl-C has its answer: importing takes a moment

    parser = _Parser(
        prog="vitrine",
        description="Looks at every product photo: judges it, mends what can be mended, records why.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"vitrine {version('vitrine')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parser.given = argv
    chosen = next((word for word in argv if not word.startswith("-")), None)
    for name, (module, line) in COMMANDS.items():
        command = commands.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".", allow_abbrev=False)
        if name == chosen:
            importlib.import_module(module).add_arguments(command)
            command.add_argument("--verbose", action="store_true", help="let the libraries say what they log, too")
            configuration.add_setting_flags(command)
            command.set_defaults(parser=command)
            command.given = argv
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        _refuse(args.parser if args.command else parser, unknown)
    del args.parser
    config = configuration.load(args)
    _log(args.verbose)
    code: int = importlib.import_module(COMMANDS[args.command][0]).run(args, config)
    return code


class _Parser(argparse.ArgumentParser):
    """Says, where a flag is missing, which of those given it does not know: the missing one was perhaps mistyped."""

    given: Sequence[str] = ()

    def error(self, message: str) -> NoReturn:
        """Show the usage and one sentence, and exit with 2."""
        flags = _flags(self)
        strange = [word for word in self.given if word.startswith("--") and word.partition("=")[0] not in flags]
        if strange and message.startswith("the following arguments are required"):
            message += f"; unrecognized: {' '.join(strange)}{_meant(self, strange)}"
        super().error(message)


def _flags(parser: argparse.ArgumentParser) -> list[str]:
    return [flag for action in parser._actions for flag in action.option_strings]


def _meant(parser: argparse.ArgumentParser, unknown: Sequence[str]) -> str:
    """Return the question which flags were perhaps meant, or nothing."""
    flags = _flags(parser)
    meant = [near[0] for word in unknown if (near := difflib.get_close_matches(word.partition("=")[0], flags, 1, 0.75))]
    return f"; did you mean {' '.join(meant)}?" if meant else ""


def _refuse(parser: argparse.ArgumentParser, unknown: Sequence[str]) -> NoReturn:
    """Name what a command does not know, and the flag that was perhaps meant; show that command's own usage."""
    parser.error(f"unrecognized arguments: {' '.join(unknown)}{_meant(parser, unknown)}")


def _log(verbose: bool) -> None:
    """Our own warnings reach the user; what libraries log is for whoever looks for a fault."""
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    for name in ("pipelines", "transforms", "models"):
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.WARNING)
    if not verbose:
        # Beam prints the stack of whatever ends a run, Kafka's client a line each time that it tries; the user gets our sentence.
        for name in ("apache_beam", "librdkafka"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


if __name__ == "__main__":
    command()
