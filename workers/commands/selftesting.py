"""`robustify selftest`: the claims against the truth, by honest, hostile and tempted askers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from adapters.contract.records import JobKind, JsonObject
from adapters.preparation import canonical_image, checked, request_of
from adapters.profiles.library import served_profile
from adapters.profiles.profile import BUNDLED
from adapters.settings import Settings
from adapters.store.places import places_of
from robustify.errors import InvalidInputError
from workers.commands.app import AsJson, app, progress_bar, say, settings_with, show
from workers.commands.demo import free_port, wait_until_ready
from workers.commands.presentation import print_figures
from workers.evaluation.adversary.report import AdversaryReport, ClientName, ClientReport
from workers.evaluation.selftest_claims import Claim
from workers.server_client import Server
from workers.supervision.stack import running_stack

if TYPE_CHECKING:
    from workers.evaluation.operator import OperatorReport
    from workers.evaluation.selftest import SelfTestReport

CLAIMS_ALPHA, ADVERSARY_ALPHA, ADVERSARY_LOOKS, OPERATOR_TRIES = 0.01, 0.05, 100, 1000
"""By default."""
PICTURE = BUNDLED / "examples" / "horse.png"

ClaimName = Annotated[
    Claim, typer.Option("--bound", help="What is claimed: a bound of CERTIFY, or sequential PREDICT.")
]
Images = Annotated[int, typer.Option(help="Random images to ask about.", min=1)]
FalseShare = Annotated[
    float | None, typer.Option(help="Accepted share of wrong answers; .01, or .05 of --adversary.", min=1e-6, max=0.05)
]
WorkerProcesses = Annotated[int, typer.Option(help="Worker processes.", min=1, max=16)]
Coins = Annotated[int, typer.Option(help="Certificates of a fair coin, whose votes must vary as chance does.")]
KillEvery = Annotated[float, typer.Option(help="Kill a worker with SIGKILL every so many seconds.", min=0)]
CancelEvery = Annotated[float, typer.Option(help="Cancel a job, and submit it again, as often.", min=0)]
Adversary = Annotated[
    bool, typer.Option("--adversary", help="Over HTTP, by clients that choose what to ask after what they saw.")
]
Looks = Annotated[int | None, typer.Option(help="Of --adversary: cheap questions of each client; 100.", min=1)]
Clients = Annotated[
    list[ClientName] | None, typer.Option("--client", help="Of --adversary: this client only; may be repeated.")
]
AttackedUrl = Annotated[
    str | None, typer.Option("--server", metavar="URL", help="Of --adversary: a running service of oracle-linear.")
]
Operator = Annotated[
    bool, typer.Option("--operator", help="As an operator who tries other noise for one question, until one pleases.")
]
Tries = Annotated[int | None, typer.Option(help="Of --operator: attempts; 1000.", min=1)]


@app.command()
def selftest(
    bound: ClaimName = Claim.CLOPPER_PEARSON,
    images: Images = 500,
    alpha: FalseShare = None,
    workers: WorkerProcesses = 1,
    coins: Coins = 0,
    kill_every: KillEvery = 0,
    cancel_every: CancelEvery = 0,
    adversary: Adversary = False,
    server: AttackedUrl = None,
    looks: Looks = None,
    client: Clients = None,
    operator: Operator = False,
    tries: Tries = None,
    as_json: AsJson = False,
) -> None:
    """Ask about images whose exact radius is known; exit 1 if more answers are false than alpha allows."""
    check_together(adversary, operator, server, looks, client, tries)
    if adversary:
        attacked = attack(server, looks or ADVERSARY_LOOKS, alpha or ADVERSARY_ALPHA, client or [*ClientName], workers)
        show(attacked, as_json, print_attack)
        passed = attacked.passed
    elif operator:
        tempted = tried_secrets(tries or OPERATOR_TRIES)
        show(tempted, as_json, print_figures)
        passed = tempted.passed
    else:
        tested = tested_claims(bound, images, alpha or CLAIMS_ALPHA, workers, coins, kill_every, cancel_every)
        show(tested, as_json, print_figures)
        passed = tested.passed
    if not passed:
        raise typer.Exit(1)


def check_together(
    adversary: bool,
    operator: bool,
    server: str | None,
    looks: int | None,
    client: Sequence[ClientName] | None,
    tries: int | None,
) -> None:
    """Raises InvalidInputError for options that do not go together."""
    if adversary and operator:
        raise InvalidInputError("--adversary and --operator are two tests: give one", field="operator")
    if (server or looks or client) and not adversary:
        raise InvalidInputError("--server, --looks and --client go with --adversary", field="adversary")
    if tries and not operator:
        raise InvalidInputError("--tries goes with --operator", field="operator")


def tried_secrets(tries: int) -> "OperatorReport":
    """What an operator attains who tries other noise for one question."""
    from workers.evaluation.operator import try_secrets

    done, picture = count(), PICTURE.read_bytes()
    with TemporaryDirectory(prefix="robustify-selftest-") as state, progress_bar("attempts") as advance:
        settings = settings_with(profile="oracle-linear", state_dir=Path(state))
        certificate = own_certificate(settings, picture)
        return try_secrets(settings, certificate, picture, tries, lambda: advance(next(done) + 1, tries))


def own_certificate(settings: Settings, picture: bytes) -> JsonObject:
    """As a worker issues it."""
    from workers.commands.local import LocalAnswer

    profile, values = served_profile(settings), {"labels": ["above", "below"], "n": 100}
    asked = checked(JobKind.CERTIFY, values, False, profile, places_of(settings).tasks_of())
    image = canonical_image(asked, picture)
    answer = LocalAnswer(request_of(asked, image, settings), image.tensor, settings, lambda done, total: None)
    certificate = answer.certificate().certificate
    assert certificate is not None
    return certificate


def tested_claims(
    bound: Claim, images: int, alpha: float, workers: int, coins: int, kill_every: float, cancel_every: float
) -> "SelfTestReport":
    from workers.evaluation.selftest import selftest as run_selftest

    done = count()
    with TemporaryDirectory(prefix="robustify-selftest-") as state, progress_bar("certificates") as advance:
        return run_selftest(
            Path(state),
            bound,
            images,
            alpha,
            workers,
            coins,
            kill_every,
            cancel_every,
            lambda: advance(next(done) + 1, images + coins),
        )


def attack(server: str | None, looks: int, alpha: float, names: Sequence[ClientName], workers: int) -> AdversaryReport:
    """What the clients attain against this server, or against a service of their own."""
    from workers.evaluation.adversary.looks import Attack
    from workers.evaluation.adversary.play import attack_server

    asked = Attack(looks, alpha)
    if server:
        return attack_server(server, asked, names, on_client=say_attained)
    with oracle_service(workers) as (url, revive):
        return attack_server(url, asked, names, revive, say_attained)


@contextmanager
def oracle_service(workers: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """The address of a whole service whose truth is known, and what keeps it alive; nothing of it is left."""
    with TemporaryDirectory(prefix="robustify-selftest-") as state:
        settings = settings_with(
            profile="oracle-linear", state_dir=Path(state), port=free_port(), threads=1, log_level="WARNING"
        ).model_copy(update={"redis_url": None})
        server = Server(f"http://{settings.host}:{settings.port}")
        with running_stack(settings, workers) as supervisor, server.client:
            wait_until_ready(server, supervisor, workers)
            yield server.url, supervisor.revive


def say_attained(report: ClientReport) -> None:
    say(f"{report.client}: {report.false} false of {report.questions}, in {report.seconds:.0f} s")


def print_attack(console: Console, report: AdversaryReport) -> None:
    """A line for each client."""
    counts = ("questions", "dear", "answers", "false", "allowed", "disputed", "issued")
    table = Table("client", *counts, "charged", "seconds", "", box=None, pad_edge=False)
    for client in report.clients:
        figures = [str(getattr(client, name)) for name in counts]
        verdict = "passed" if client.passed else "FAILED"
        table.add_row(client.client, *figures, f"{client.charged:.4g}", f"{client.seconds:.1f}", verdict)
    console.print(f"{report.looks} looks of each client, dear questions at alpha {report.alpha:g}", highlight=False)
    console.print(table)
    console.print("passed" if report.passed else "FAILED: more answers are false, or other, than the ledger tells")
