"""`vitrine evaluate`: how good the verdicts and the model are, against labels that neither was tuned on."""

import argparse
import importlib

from pipelines.config import Config
from transforms.errors import UserError

TARGETS: dict[str, tuple[str, str]] = {
    "verdicts": (
        "pipelines.evaluate_verdicts",
        "verdicts and reasons against labelled photos and photos spoilt on purpose",
    ),
    "model": ("pipelines.evaluate_model", "the model's score against people's opinions"),
}
"""What can be evaluated -> its module and its line of help."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vitrine evaluate` takes; each target's own module is imported only when it is the one asked for."""
    targets = parser.add_subparsers(dest="target", required=True, metavar="TARGET")
    for name, (module, line) in TARGETS.items():
        target = targets.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".", allow_abbrev=False)
        target.set_defaults(module=module, parser=target)
        if importlib.util.find_spec(module):
            importlib.import_module(module).add_arguments(target)


def run(args: argparse.Namespace, config: Config) -> int:
    """Run the target."""
    if importlib.util.find_spec(args.module) is None:
        raise UserError(f"vitrine evaluate {args.target} is not part of this version")
    code: int = importlib.import_module(args.module).run(args, config)
    return code
