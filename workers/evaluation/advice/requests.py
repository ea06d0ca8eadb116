"""What to run with what was recommended, word for word: command lines, and requests to a service."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapters.contract.templates import prompt_fields
from adapters.profiles.profile import Profile
from robustify.types import DEFAULT_TEMPLATE, Task
from workers.evaluation.advice.document import Command, Recommended

PICTURE = "PICTURE.png"
SERVICE = "http://127.0.0.1:8000"
Fields = Sequence[tuple[str, str]]
"""Of a request, in order; a name may come several times."""


@dataclass(frozen=True)
class AskedAs:
    """How the pictures were asked about; `stored` is the name of a stored task, `profile_name` one that was given."""

    task: Task
    profile: Profile
    stored: str | None = None
    profile_name: str | None = None


def commands_for(asked: AskedAs, recommended: Recommended | None) -> tuple[Command, ...]:
    """To predict and to certify, here and over HTTP; nothing where nothing is recommended."""
    if recommended is None:
        return ()
    asked_profile = asked.profile_name
    about = [*task_fields(asked), ("sigma", f"{recommended.sigma:g}")]
    of_certificate = [*about, ("n", str(recommended.n)), ("target_radius", f"{recommended.target_radius:g}")]
    return (
        Command(title="Predict here", text=command_line("predict", about, asked_profile)),
        Command(title="Certify here", text=command_line("certify", of_certificate, asked_profile)),
        Command(title="Start a service", text=" ".join(["robustify up", *profile_option(asked_profile)])),
        Command(title="Predict there", text=request("predict", about)),
        Command(title="Certify there", text=request("certify", of_certificate)),
    )


def task_fields(asked: AskedAs) -> Iterator[tuple[str, str]]:
    """The stored task, or the labels and the templates where they are not those that are taken anyway."""
    task, profile = asked.task, asked.profile
    if asked.stored is not None:
        yield "task", asked.stored
        return
    if task.labels != profile.class_names:
        yield from (("labels", label) for label in task.labels)
    if task.all_templates != (profile.templates or (DEFAULT_TEMPLATE,)):
        for name, value in prompt_fields(task.all_templates).items():
            values = value if isinstance(value, list) else [value]
            yield from ((name, str(one)) for one in values)


def command_line(command: str, fields: Fields, profile: str | None) -> str:
    """Of this machine. The command line calls each template of an ensemble `--template`."""
    options = [
        f"--{name.replace('_', '-').replace('templates', 'template')} {shlex.quote(value)}" for name, value in fields
    ]
    return " ".join([f"robustify {command} {PICTURE}", *options, *profile_option(profile)])


def profile_option(profile: str | None) -> Sequence[str]:
    return () if profile is None else (f"--profile {shlex.quote(profile)}",)


def request(route: str, fields: Fields) -> str:
    """By curl, which reads no value as a file's name; the answer is waited for."""
    parts = [f"--form-string {shlex.quote(f'{name}={value}')}" for name, value in fields]
    return " ".join([f"curl {SERVICE}/{route} -H 'Prefer: wait=60' -F image=@{PICTURE}", *parts])
