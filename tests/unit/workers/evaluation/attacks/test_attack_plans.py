import pytest
from typer.testing import CliRunner

from robustify.errors import InvalidInputError
from workers.commands import attacking, cli
from workers.commands.app import app
from workers.evaluation.attacks.plan import AttackMethod, AttackMode, plan_of
from workers.evaluation.runs import Smoothing

SHOWN = {
    (AttackMethod.SMOOTH_ADV, AttackMode.PAPER): "9,600",
    (AttackMethod.SMOOTH_ADV, AttackMode.STRONG): "20,800",
    (AttackMethod.APGD, AttackMode.STRONG): "9,728",
    (AttackMethod.SQUARE, AttackMode.STRONG): "32,032",
    (AttackMethod.PGD, AttackMode.PAPER): "300",
    (AttackMethod.PGD, AttackMode.STRONG): "650",
}


@pytest.mark.parametrize(("asked", "shown"), SHOWN.items())
def test_cost_in_the_help(asked: tuple[AttackMethod, AttackMode], shown: str) -> None:
    """The help of the command says what an image costs, as the plan counts it."""
    assert attacking in cli.COMMANDS
    plan = plan_of(*asked, eps=0.5, steps=None, restarts=1, m=None, defence="denoised")
    printed = CliRunner().invoke(app, ["attack", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output

    assert f"{plan.forwards:,}" == shown
    assert shown in printed


@pytest.mark.parametrize(
    ("method", "mode", "restarts", "m", "defence", "field"),
    [
        (AttackMethod.SMOOTH_ADV, AttackMode.STRONG, 1, None, "no-smoothing", "method"),
        (AttackMethod.SMOOTH_ADV, AttackMode.PAPER, 2, None, "denoised", "restarts"),
        (AttackMethod.PGD, AttackMode.STRONG, 1, 8, "denoised", "m"),
        (AttackMethod.APGD, AttackMode.STRONG, 1, 8, "no-smoothing", "m"),
    ],
)
def test_plans_that_do_not_go_together(
    method: AttackMethod, mode: AttackMode, restarts: int, m: int | None, defence: Smoothing, field: str
) -> None:
    """They are refused, and the message names the option."""
    with pytest.raises(InvalidInputError) as refusal:
        plan_of(method, mode, 0.5, None, restarts, m, defence)

    assert refusal.value.field == field
