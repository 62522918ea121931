"""Every setting in one frozen object: built-in defaults, then a TOML file, then `VITRINE_*`, then flags; the last one wins.

A section is a frozen dataclass that stands beside the code that uses it; here they are only put together, loaded, checked,
printed and digested. `decode.max_bytes` is `[decode] max_bytes` in the file, `VITRINE_DECODE_MAX_BYTES` in the environment
and `--decode-max-bytes` on the command line.
"""

import argparse
import dataclasses
import difflib
import hashlib
import itertools
import json
import math
import os
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.scorer import ModelSettings
from models.tiles import TileSettings
from pipelines.run_settings import RunSettings
from pipelines.streaming.settings import StreamSettings
from transforms.errors import UserError
from transforms.fetch import FetchSettings
from transforms.imaging.assess import AssessSettings
from transforms.imaging.codec.encode import EncodeSettings
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.guard import Bounds
from transforms.imaging.policy import Thresholds
from transforms.sinks.table_settings import TableSettings
from transforms.sources.names import InputSettings
from transforms.steps import Rules

CONFIG_FILE_VARIABLE = "VITRINE_CONFIG"


@dataclass(frozen=True)
class Config:
    """All settings. `sources` tells where each value that is not a default came from; it is no part of equality."""

    run: RunSettings = field(default_factory=RunSettings)
    stream: StreamSettings = field(default_factory=StreamSettings)
    input: InputSettings = field(default_factory=InputSettings)
    fetch: FetchSettings = field(default_factory=FetchSettings)
    decode: DecodeLimits = field(default_factory=DecodeLimits)
    tiles: TileSettings = field(default_factory=TileSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    thresholds: Thresholds = field(default_factory=Thresholds)
    bounds: Bounds = field(default_factory=Bounds)
    encode: EncodeSettings = field(default_factory=EncodeSettings)
    tables: TableSettings = field(default_factory=TableSettings)
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def rules(self) -> Rules:
        """What the stages need of it."""
        return Rules(AssessSettings(self.decode, self.tiles), self.thresholds, self.bounds, self.encode)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it stands: dotted name, value, unit, reason, source."""

    name: str
    value: Any
    kind: Any
    unit: str
    why: str
    source: str
    decides: bool
    secret: bool


def sections() -> dict[str, type]:
    """Return the section's name -> its dataclass."""
    hints = typing.get_type_hints(Config)
    return {f.name: hints[f.name] for f in dataclasses.fields(Config) if f.name != "sources"}


def settings(config: Config) -> Iterator[Setting]:
    """Yield every setting of `config`, section by section, in the order of declaration."""
    for section, kind in sections().items():
        hints = typing.get_type_hints(kind)
        for declared in dataclasses.fields(kind):
            name = f"{section}.{declared.name}"
            yield Setting(
                name=name,
                value=getattr(getattr(config, section), declared.name),
                kind=hints[declared.name],
                unit=declared.metadata["unit"],
                why=declared.metadata["why"],
                source=config.sources.get(name, "default"),
                decides=declared.metadata["decides"],
                secret=declared.metadata["secret"],
            )


def config_digest(config: Config) -> str:
    """Hash what can change a verdict or an image, and nothing else: 16 hex digits."""
    deciding = {s.name: s.value for s in settings(config) if s.decides}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True, default=str).encode()).hexdigest()[:16]


def add_setting_flags(parser: argparse.ArgumentParser) -> None:
    """Give a command `--config FILE` and a flag for every setting."""
    group = parser.add_argument_group(
        "settings", "each is also in the configuration file and the environment: vitrine config"
    )
    group.add_argument("--config", metavar="FILE", help=f"a TOML file of settings (or {CONFIG_FILE_VARIABLE})")
    for item in settings(Config()):
        if not item.secret:
            group.add_argument(
                _flag(item.name),
                dest=item.name,
                metavar=(item.unit or "VALUE").upper().replace("%", "PERCENT"),
                default=None,
                help=argparse.SUPPRESS,
            )


def load(args: argparse.Namespace | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """Put the configuration together.

    Raises:
        UserError: an unknown key (named, with the nearest known one), or a value that is no such number or out of range.
    """
    environment = os.environ if environment is None else environment
    flags = vars(args) if args is not None else {}
    known = {item.name: item for item in settings(Config())}
    values: dict[str, tuple[Any, str]] = {}
    file = flags.get("config") or environment.get(CONFIG_FILE_VARIABLE)
    if file:
        values.update(_from_file(Path(file), known))
    values.update(_from_environment(environment, known))
    for name, item in known.items():
        if flags.get(name) is not None:
            values[name] = (_convert(item, flags[name], _flag(name)), _flag(name))
    built = {}
    for section, kind in sections().items():
        chosen = {n.partition(".")[2]: v for n, (v, _) in values.items() if n.partition(".")[0] == section}
        try:
            built[section] = kind(**chosen)
        except ValueError as error:
            raise UserError(f"[{section}] {error}") from None
    return Config(**built, sources={name: source for name, (_, source) in values.items()})


def _from_file(path: Path, known: Mapping[str, Setting]) -> dict[str, tuple[Any, str]]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"the configuration file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"the configuration file {path} is not valid TOML: {error}") from None
    values = {}
    for section, body in document.items():
        if not isinstance(body, dict):
            raise UserError(f"{path}: {section} stands outside a section; did you mean one of {', '.join(sections())}?")
        for key, value in body.items():
            name = f"{section}.{key}"
            if name not in known:
                raise UserError(f"{path}: unknown setting {name}{_nearest(name, known)}")
            values[name] = (_convert(known[name], value, f"{path}: {name}"), str(path))
    return values


def _from_environment(environment: Mapping[str, str], known: Mapping[str, Setting]) -> dict[str, tuple[Any, str]]:
    variables = {_variable(name): name for name in known}
    values = {}
    for variable, text in environment.items():
        if not variable.startswith("VITRINE_") or variable == CONFIG_FILE_VARIABLE:
            continue
        if variable not in variables:
            raise UserError(f"unknown setting {variable} in the environment{_nearest(variable, variables)}")
        name = variables[variable]
        values[name] = (_convert(known[name], text, variable), variable)
    return values


def _convert(item: Setting, value: Any, where: str) -> Any:
    """Turn a TOML value or a text into the setting's type; refuse what does not fit, naming the place."""
    kinds = typing.get_args(item.kind) if isinstance(item.kind, types.UnionType) else (item.kind,)
    optional = type(None) in kinds
    kind = next(k for k in kinds if k is not type(None))
    if optional and value in ("", "none"):
        return None
    try:
        return _convert_to(kind, value)
    except (TypeError, ValueError, KeyError):
        wanted = getattr(kind, "__name__", str(kind)) if typing.get_origin(kind) is None else str(kind)
        unit = f" in {item.unit}" if item.unit else ""
        shown = "(hidden)" if item.secret else repr(value)
        raise UserError(f"{where} must be {_ARTICLE.get(wanted, wanted)}{unit}, not {shown}") from None


_ARTICLE = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text"}


def _convert_to(kind: Any, value: Any) -> Any:
    if typing.get_origin(kind) is typing.Literal:
        if value not in typing.get_args(kind):
            raise ValueError(value)
        return value
    if typing.get_origin(kind) is tuple:
        items = value.split(",") if isinstance(value, str) else value
        inner = typing.get_args(kind)[0]
        return tuple(_convert_to(inner, v.strip() if isinstance(v, str) else v) for v in items if v != "")
    if kind is bool:
        table = {
            "true": True,
            "false": False,
            "1": True,
            "0": False,
            "yes": True,
            "no": False,
            "on": True,
            "off": False,
        }
        return value if isinstance(value, bool) else table[str(value).lower()]
    if isinstance(value, bool):
        raise TypeError(value)
    if kind is int:
        if isinstance(value, str):
            return int(value.replace("_", ""))
        if isinstance(value, float):
            raise TypeError(value)
        return int(value)
    if kind is float:
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(value)
        return number
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _flag(name: str) -> str:
    return "--" + name.replace(".", "-").replace("_", "-")


def _variable(name: str) -> str:
    return "VITRINE_" + name.replace(".", "_").upper()


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else "; `vitrine config` lists them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vitrine config` takes."""
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print one JSON object")
    shape.add_argument("--toml", action="store_true", help="print a configuration file to begin with")


def run(args: argparse.Namespace, config: Config) -> int:
    """Print every setting: value, unit, source, reason."""
    items = list(settings(config))
    if args.toml:
        print(as_toml(items))
        return 0
    shown = [(s.name, "(hidden)" if s.secret and s.value else s.value, s) for s in items]
    if args.json:
        document = {n: {"value": v, "unit": s.unit, "source": s.source, "decides": s.decides} for n, v, s in shown}
        print(json.dumps({"config_digest": config_digest(config), "settings": document}, indent=2, default=str))
        return 0
    width = max(len(name) for name, _, _ in shown)
    values = [_text(value, s.unit) for _, value, s in shown]
    column = min(32, max(map(len, values)))
    for (name, _, s), value in zip(shown, values, strict=True):
        print(f"{name:<{width}}  {value:<{column}}  {s.source:<10}  {'*' if s.decides else ' '} {s.why}")
    print(f"\n* can change a verdict or an image; together: config_digest {config_digest(config)}")
    return 0


def as_toml(items: Iterable[Setting]) -> str:
    """Write settings as a configuration file that loads to the same values; those without a value are commented out."""
    lines: list[str] = []
    for section, members in itertools.groupby(items, lambda item: item.name.partition(".")[0]):
        lines += ["", f"[{section}]"]
        for item in members:
            lines.append(f"# {item.why}" + (f" ({item.unit})" if item.unit else ""))
            name = item.name.partition(".")[2]
            unset = item.value is None or item.secret
            lines.append(f"# {name} = " if unset else f"{name} = {_toml_value(item.value)}")
    return "\n".join(lines).lstrip("\n")


def _toml_value(value: Any) -> str:
    # JSON's texts, numbers, booleans and lists are TOML's too.
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def _text(value: Any, unit: str) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value} {unit}".strip()
