"""Options that several commands share as one dataclass: typer itself takes each option as a parameter of its own."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter
from typing import get_type_hints

Command = Callable[..., None]


def with_groups(command: Command) -> Command:
    """The command with an option for each field of the dataclasses among its parameters; fields are annotated as
    parameters are.
    """
    signature = inspect.signature(command, eval_str=True)
    groups = {name: found.annotation for name, found in signature.parameters.items() if is_group(found.annotation)}

    @wraps(command)
    def run(**values: object) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    parameters = [own for found in signature.parameters.values() for own in options_of(found)]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # It is what typer reads.
    return run


def options_of(parameter: Parameter) -> Iterator[Parameter]:
    """Those that stand for a parameter: itself, or one for each field of its group."""
    group = parameter.annotation
    if not is_group(group):
        yield parameter
        return
    hints = get_type_hints(group, include_extras=True)
    for field in fields(group):
        yield Parameter(field.name, parameter.kind, default=field.default, annotation=hints[field.name])


def is_group(annotation: object) -> bool:
    return isinstance(annotation, type) and is_dataclass(annotation)
