"""All checks, and how they are run: those with the same stack on one instance, one after the other."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.hostile import browser_checks, disk_check, keeping_checks, load_checks, picture_checks
from tests.hostile.check import Check, Judged, judge
from tests.hostile.instance import HERE, Instance, started

CHECKS: Sequence[Check] = (
    *browser_checks.CHECKS,
    *picture_checks.CHECKS,
    *load_checks.CHECKS,
    *keeping_checks.CHECKS,
    *disk_check.CHECKS,
)


class Instances:
    """Starts what checks need, from one checkout; use `instances`."""

    def __init__(self, checkout: Path, stack: ExitStack) -> None:
        self._checkout = checkout
        self._stack = stack
        self._shared: dict[str, Instance] = {}

    def judge(self, check: Check) -> Judged:
        if check.stack.shared:
            return judge(check, self._shared_one(check))
        try:
            with started(check.stack, self._checkout) as own:
                return judge(check, own)
        except AssertionError as error:
            return Judged(check, False, str(error)[:200])

    def _shared_one(self, check: Check) -> Instance:
        key = check.stack.key
        if key not in self._shared:
            self._shared[key] = self._stack.enter_context(started(check.stack, self._checkout))
        return self._shared[key]


@contextmanager
def instances(checkout: Path = HERE) -> Iterator[Instances]:
    with ExitStack() as stack:
        yield Instances(checkout, stack)


def chosen(only: str) -> Sequence[Check]:
    """Those whose name has this in it."""
    return [check for check in CHECKS if only.lower() in check.name.lower()]


HEAD = "| what is done | what must hold | | measured |\n|---|---|---|---|"


def line(judged: Judged) -> str:
    measured = judged.measured.replace("|", "/").replace("\n", " ")
    return f"| {judged.check.name} | {judged.check.rule} | {'right' if judged.is_right else 'WRONG'} | {measured} |"
