"""From a TOML file to a comparison: every error names the file, the key and what would do."""

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from adapters.canonical_json import text_digest
from robustify.errors import InvalidInputError
from workers.evaluation.comparison.config import ComparisonConfig

LARGEST_FILE = 1 << 20
PREFIX = "Value error, "


class ConfigError(InvalidInputError):
    """A file that is no comparison."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path.name}: {what}", field="config")


@dataclass(frozen=True)
class ComparisonFile:
    """A comparison, and the folder that its paths are relative to. `sha256` is of the file's text."""

    config: ComparisonConfig
    name: str
    folder: Path
    sha256: str


def read_config(path: Path) -> ComparisonFile:
    """Raises ConfigError."""
    text = read_text(path)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, f"it is no TOML: {error}") from error
    try:
        # As JSON, whose lists and names pydantic takes for tuples and choices where it is strict otherwise.
        config = ComparisonConfig.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        what = first["msg"].removeprefix(PREFIX).rstrip(".")
        raise ConfigError(path, f"{key_of(first['loc'])}: {what}") from error
    check(config, path)
    return ComparisonFile(config, path.name, path.parent, text_digest(text))


def read_text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ConfigError(path, f"a comparison has at most {LARGEST_FILE} bytes")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(path, "there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, f"it cannot be read as UTF-8 text: {error.__class__.__name__}") from error


def check(config: ComparisonConfig, path: Path) -> None:
    try:
        found = next(config.misfits(), None)
    except InvalidInputError as error:
        raise ConfigError(path, f"methods: {error}") from error
    if found is not None:
        raise ConfigError(path, ": ".join(found))


def key_of(place: Iterable[int | str]) -> str:
    """The name of a key with its tables; the second `[[set]]` is `set 2`."""
    words: list[str] = []
    for part in place:
        if isinstance(part, int) and words:
            words[-1] = f"{words[-1]} {part + 1}"
        else:
            words.append(str(part))
    return ".".join(words)
