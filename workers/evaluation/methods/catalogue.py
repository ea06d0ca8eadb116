"""The methods that can be compared, as `catalogue.toml` lists them."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from robustify.errors import InvalidInputError
from workers.evaluation.methods.method import NamedMethod

CATALOGUE = Path(__file__).with_name("catalogue.toml")


@cache
def methods() -> Mapping[str, NamedMethod]:
    """All of them by name, in the order of the tables."""
    listed = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    return MappingProxyType({name: NamedMethod(name=name, **values) for name, values in listed.items()})


def method_named(name: str) -> NamedMethod:
    """Raises InvalidInputError for a name that is not listed."""
    if name not in methods():
        raise InvalidInputError(f"unknown method {name!r}: choose one of {', '.join(methods())}", field="method")
    return methods()[name]
