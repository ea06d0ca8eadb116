"""Every fault that strangers found, over real HTTP, but for those that take long: `make hostile` tries all."""

from collections.abc import Iterator

import pytest

from tests.hostile.check import Check
from tests.hostile.checks import CHECKS, Instances, instances


@pytest.fixture(scope="module")
def services() -> Iterator[Instances]:
    with instances() as found:
        yield found


@pytest.mark.slow
@pytest.mark.parametrize(
    "check", [check for check in CHECKS if not check.slow], ids=lambda check: check.name.replace(" ", "-")
)
def test_what_a_stranger_may_do(services: Instances, check: Check) -> None:
    """The service does what the check says must hold."""
    judged = services.judge(check)
    assert judged.is_right, f"{check.rule}: {judged.measured}"
