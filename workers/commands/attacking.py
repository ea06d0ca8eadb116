"""`robustify attack`: adversarial images, kept, and what is answered for them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapters.profiles.library import served_profile
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from robustify.types import Noise, PredictTest, SmoothingParameters, Task
from workers.commands.app import (
    AsJson,
    ProfileName,
    app,
    progress_bar,
    say,
    settings_with,
    show,
)
from workers.commands.attack_presentation import print_attack, print_checks
from workers.commands.measuring import (
    SOME_UNREADABLE,
    Correction,
    KnownSigma,
    Limit,
    NoDenoiser,
    NoSmoothing,
    RowAlpha,
    asked_images,
    read_data,
    smoothing_of,
)
from workers.commands.of_data import AS_IT_IS, AskedData, DataOptions
from workers.commands.option_groups import with_groups
from workers.commands.presentation import report_lines
from workers.evaluation.asked import evaluation_of, report_of
from workers.evaluation.attacks.plan import AttackMethod, AttackMode, AttackPlan, plan_of
from workers.evaluation.data.dataset import DataReport, Dataset
from workers.evaluation.procedure import Procedure
from workers.evaluation.runs import Evaluation, Smoothing

if TYPE_CHECKING:
    from workers.evaluation.attacks.attacker import Attack

CHECKED_IMAGES = 8
"""Of `--check`, by default."""
PROOF_IMAGES = 4
ORACLE = "oracle-linear"

COST = (
    "Cost of one image, in forward passes of denoiser and classifier (a pass back is two), with m 32: smooth-adv 9,600 "
    "in mode paper, at most 20,800 in mode strong; apgd 9,728; square at most 32,032; pgd 300 and 650, as it has one "
    "copy. Two PREDICT with 100 samples each come on top. CERTIFY with n 10,000 takes 10,100.\n\n"
    "Exit code 1 where --check finds an attack that is not to be trusted; 3 where some files could not be used."
)

AttackedData = Annotated[
    Path | None, typer.Argument(metavar="[DATASET]", help="As `robustify evaluate` takes it; --check needs none.")
]
MethodName = Annotated[
    AttackMethod | None, typer.Option("--method", help="By default smooth-adv, or pgd with --no-smoothing.")
]
ModeName = Annotated[AttackMode, typer.Option("--mode", help="As published, or as strong as we know how.")]
Eps = Annotated[float, typer.Option(help="L2 distance for pixels in [0, 1].", min=1e-6)]
Steps = Annotated[int | None, typer.Option(help="Gradients of one run, 100; queries of square, 1000.", min=1)]
Restarts = Annotated[int, typer.Option(help="Random starts of a strong attack, for each of its losses.", min=1)]
Copies = Annotated[int | None, typer.Option("--m", help="Noisy copies of the image at each step; 32.", min=1)]
AnswerSamples = Annotated[int, typer.Option("--n", help="Samples of PREDICT, before and after.", min=1)]
Transfer = Annotated[Path | None, typer.Option(help="Folder of another attack, whose images are tried instead.")]
AlsoWrong = Annotated[bool, typer.Option("--all", help="Attack images too that are answered wrongly already.")]
Check = Annotated[bool, typer.Option("--check", help="The seven checks of the attack, instead of a run.")]
AttackFolder = Annotated[
    Path | None, typer.Option("--output", help="Folder of rows, images and report; resumed if it exists.")
]


@app.command(epilog=COST)
@with_groups
def attack(
    dataset: AttackedData = None,
    of_data: DataOptions = AS_IT_IS,
    method: MethodName = None,
    mode: ModeName = AttackMode.STRONG,
    eps: Eps = 0.5,
    sigma: KnownSigma = 0.25,
    steps: Steps = None,
    restarts: Restarts = 1,
    m: Copies = None,
    n: AnswerSamples = 100,
    alpha: RowAlpha = 0.001,
    transfer: Transfer = None,
    also_wrong: AlsoWrong = False,
    limit: Limit = None,
    no_denoiser: NoDenoiser = False,
    no_smoothing: NoSmoothing = False,
    k: Correction = None,
    check: Check = False,
    output: AttackFolder = None,
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Attack every image of a data set within an L2 distance, keep the images, and answer them."""
    defence = smoothing_of(no_denoiser, no_smoothing, ())
    plan = plan_of(method or default_method(defence), mode, eps, steps, restarts, m, defence)
    settings = settings_with(profile=profile or (ORACLE if dataset is None else None), k=k)
    most = limit or (CHECKED_IMAGES if check or dataset is None else None)
    data = AskedData(dataset or Path(ORACLE), most, of_data)
    answered = SmoothingParameters(sigma, n0=100, n=n, alpha=alpha)
    run = AskedAttack(defence, plan, answered, transfer, also_wrong, check, output, as_json)
    attack_data(data, dataset is not None, run, settings)


@dataclass(frozen=True)
class AskedAttack:
    """What the command line says of the attack and of the answers around it."""

    defence: Smoothing
    plan: AttackPlan
    parameters: SmoothingParameters
    transfer: Path | None
    also_wrong: bool
    check: bool
    output: Path | None
    as_json: bool

    @property
    def answering(self) -> Procedure:
        """Fresh noise and a fixed number of samples, where there is noise."""
        smoothed = Procedure(test=PredictTest.FIXED, noise=Noise.GAUSSIAN)
        return Procedure() if self.defence == "no-smoothing" else smoothed


def attack_data(data: AskedData, is_named: bool, run: AskedAttack, settings: Settings) -> None:
    """Says what of the data is taken, attacks it or checks the attack, and shows what came out."""
    images, task = read_data(data, settings) if is_named else oracle_data(data, settings)
    report = report_of(images, task)
    for line in report_lines(report):
        say(line)
    evaluation = evaluation_of(settings, task, run.defence, run.parameters, images, None, run.answering)
    if run.check:
        show_checks(evaluation, run.plan, images, run.output, run.as_json)
    else:
        asked = Asked(evaluation, run.plan, images, report, run.transfer, run.also_wrong)
        show_attack(asked, data.name, run.output, run.as_json)


def oracle_data(data: AskedData, settings: Settings) -> tuple[Dataset, Task]:
    """Images whose exact radius is known, where the oracle is attacked without a data set."""
    from workers.evaluation.attacks.oracle_images import OracleImages

    served = served_profile(settings)
    if served.name != ORACLE:
        raise InvalidInputError("name the data set; without one only the profile oracle-linear is attacked", "dataset")
    images = OracleImages(data.limit or CHECKED_IMAGES, served.side)
    return asked_images(images, data.options.task, data.options.labels, data.options.template, settings)


@dataclass(frozen=True)
class Asked:
    """What is attacked, and how."""

    evaluation: Evaluation
    plan: AttackPlan
    images: Dataset
    report: DataReport
    transfer: Path | None
    also_wrong: bool


def default_method(defence: Smoothing) -> AttackMethod:
    return AttackMethod.PGD if defence == "no-smoothing" else AttackMethod.SMOOTH_ADV


def show_attack(asked: Asked, name: str, output: Path | None, as_json: bool) -> None:
    """Runs it, writes the report beside its rows, and shows it."""
    from workers.evaluation.attacks.attacker import Attack, Attacker
    from workers.evaluation.attacks.checks import zero_gradient_check
    from workers.evaluation.attacks.report import REPORT, AttackReport, keep_document, kept_checks, settings_of
    from workers.evaluation.attacks.runs import attack_summary, run_attack
    from workers.evaluation.attacks.transfer import KeptAttack

    kept = KeptAttack(asked.transfer) if asked.transfer else None
    plan = None if kept else asked.plan
    attack = Attack(asked.evaluation, plan, kept.digest if kept else None, asked.also_wrong)
    folder = output or Path("evaluations") / f"attack-{name}-{attack.digest}"
    say_cost(attack, len(asked.images))
    with progress_bar("images") as advance:
        rows = run_attack(lambda: Attacker(attack, kept), attack.digest, asked.images, folder, advance)
    checks = kept_checks(folder) or ((zero_gradient_check(rows),) if plan else ())
    report = AttackReport(settings=settings_of(attack), summary=attack_summary(rows), checks=checks, data=asked.report)
    keep_document(folder, REPORT, report)
    say(f"rows, images and report are in {folder}")
    show(report, as_json, print_attack)
    if report.summary.unusable:
        raise typer.Exit(SOME_UNREADABLE)


def say_cost(attack: "Attack", images: int) -> None:
    if attack.plan is not None:
        forwards = attack.plan.forwards
        say(f"at most {forwards:,} forward passes for an image, {forwards * images:,} for {images} images")


def show_checks(evaluation: Evaluation, plan: AttackPlan, images: Dataset, output: Path | None, as_json: bool) -> None:
    """Makes the checks, keeps them where a folder is named, and ends with 1 where one fails."""
    from workers.evaluation.attacks.attacker import Attack
    from workers.evaluation.attacks.checks import Checked, run_checks
    from workers.evaluation.attacks.report import CHECKS, keep_document

    with progress_bar("checks") as advance:
        checks = run_checks(Checked(Attack(evaluation, plan), images, PROOF_IMAGES), advance)
    if output is not None:
        keep_document(output, CHECKS, checks)
    show(checks, as_json, print_checks)
    if not checks.passed:
        raise typer.Exit(1)
