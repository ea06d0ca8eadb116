"""What a check is, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.hostile.asking import WrongError
from tests.hostile.instance import Instance, Stack


@dataclass(frozen=True)
class Check:
    """`run` returns what was measured, or raises WrongError with it. `rule` is what must hold, in one sentence.

    `slow`: the tests have no time for it; `make hostile` tries it. `own`: it needs an instance that was started for it,
    not one that runs elsewhere.
    """

    name: str
    rule: str
    run: Callable[[Instance], str]
    stack: Stack = field(default_factory=Stack)
    slow: bool = False
    own: bool = True


@dataclass(frozen=True)
class Judged:
    check: Check
    is_right: bool
    measured: str


def judge(check: Check, instance: Instance) -> Judged:
    """Whatever goes wrong is an answer: also that the service is gone."""
    try:
        return Judged(check, True, check.run(instance))
    except WrongError as error:
        return Judged(check, False, str(error))
    except Exception as error:
        return Judged(check, False, f"{type(error).__name__}: {str(error)[:120]}")
