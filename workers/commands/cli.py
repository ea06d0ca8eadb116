"""The command line `robustify`. Options are the HTTP field names with dashes.

Exit 0 done, 2 bad usage, 1 failed, 130 after Ctrl-C, 143 after SIGTERM; `up` and `worker` end with 0 after both.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import typer
from pydantic import ValidationError
from pydantic_core import PydanticCustomError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from adapters.canonical_json import canonical_bytes
from adapters.contract.jobs import JobKind, slack_of
from adapters.contract.labels import check_labels, check_template
from adapters.contract.smoothing import PredictParameters
from adapters.preparation import asked_task, prepare
from adapters.profiles.shipped import served_profile
from adapters.settings import Settings
from adapters.store.tasks import TaskStore
from robustify.errors import InvalidInputError, RobustifyError
from robustify.types import DEFAULT_TEMPLATE, Noise, PredictTest, SmoothingParameters, Task
from workers.commands.asking import planned
from workers.evaluation.datasets import read_dataset, relabelled
from workers.evaluation.procedure import procedure_of
from workers.evaluation.selftest_claims import Claim
from workers.stop import orderly_termination

app = typer.Typer(
    name="robustify",
    help="Certified image classification with labels you name.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(help="The sets of models: list, get and check them.")
app.add_typer(models_app, name="models")
PREDICTION_SAMPLES, CERTIFICATE_SAMPLES = 100, 1000
"""Of `evaluate`, by default."""
output = Console()
messages = Console(stderr=True)

MEGABYTE = 10**6

ImageFile = Annotated[Path, typer.Argument(metavar="IMAGE", help="A JPEG, PNG or WebP file.")]
Labels = Annotated[list[str] | None, typer.Option("--labels", help="A class name; repeat it for each class.")]
Template = Annotated[str | None, typer.Option(help="Prompt of a class; {} stands for the label.")]
TaskName = Annotated[str | None, typer.Option("--task", help="A stored task instead of labels: NAME or NAME@VERSION.")]
Sigma = Annotated[float | None, typer.Option(help="Standard deviation of the noise for pixels in [0, 1].")]
Samples = Annotated[int | None, typer.Option("--n", help="Samples.")]
SelectionSamples = Annotated[int | None, typer.Option("--n0", help="Selection samples.")]
Alpha = Annotated[float | None, typer.Option(help="Accepted probability of a wrong answer.")]
TargetRadius = Annotated[float | None, typer.Option(help="L2 radius that is wanted; stops once it is decided.")]
Tolerance = Annotated[float | None, typer.Option(help="Stops when more samples could gain no more radius than this.")]
BoundName = Annotated[str | None, typer.Option("--bound", help="auto, clopper-pearson or multiclass.")]
NoiseName = Annotated[Noise | None, typer.Option("--noise", help="Lattice noise is exact in floating point.")]
TestName = Annotated[PredictTest | None, typer.Option("--test", help="Stop when the answer is clear, or take all n.")]
ServerUrl = Annotated[str | None, typer.Option("--server", metavar="URL", help="Ask a running server instead.")]
ProfileName = Annotated[str | None, typer.Option("--profile", help="Models to use; see `robustify models`.")]
CertificateFile = Annotated[Path, typer.Argument(metavar="CERTIFICATE", help="A saved certificate.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def up(
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1)] = 1,
    host: Annotated[str | None, typer.Option(help="Address of the API.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the API.")] = None,
    profile: ProfileName = None,
) -> None:
    """Run the whole service on this machine until Ctrl-C: queue, workers, API."""
    from workers.supervision.stack import running_stack

    settings = settings_with(host=host, port=port, profile=profile)
    with running_stack(settings, workers) as supervisor:
        messages.print(f"API on http://{settings.host}:{settings.port}, state in {settings.state_dir}; Ctrl-C stops")
        supervisor.run_until_signal()


@app.command()
def api(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Run the API alone; the queue is at ROBUSTIFY_REDIS_URL."""
    from workers.supervision.stack import api_child, environment_of

    settings = settings_with(host=host, port=port)
    require_queue(settings)
    child = api_child(settings, environment_of(settings))
    os.execve(sys.executable, [sys.executable, *child.command], {**os.environ, **child.environment})


@app.command()
def worker(profile: ProfileName = None) -> None:
    """Run one worker; the queue is at ROBUSTIFY_REDIS_URL."""
    from workers.wiring import run_worker

    settings = settings_with(profile=profile)
    require_queue(settings)
    run_worker(settings)


@app.command()
def predict(
    image: ImageFile,
    labels: Labels = None,
    task: TaskName = None,
    template: Template = None,
    sigma: Sigma = None,
    n: Samples = None,
    alpha: Alpha = None,
    noise: NoiseName = None,
    test: TestName = None,
    server: ServerUrl = None,
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Classify an image under noise, or abstain."""
    from workers.commands.presentation import print_prediction

    smoothing = given(sigma=sigma, n=n, alpha=alpha, noise=noise and noise.value, test=test and test.value)
    fields = given(labels=labels, task=task, template=template, **smoothing)
    show(answer(JobKind.PREDICT, image, fields, server, profile), as_json, print_prediction)


@app.command()
def certify(
    image: ImageFile,
    labels: Labels = None,
    task: TaskName = None,
    template: Template = None,
    sigma: Sigma = None,
    n: Samples = None,
    n0: SelectionSamples = None,
    alpha: Alpha = None,
    noise: NoiseName = None,
    target_radius: TargetRadius = None,
    tolerance: Tolerance = None,
    bound: BoundName = None,
    certificate: Annotated[Path | None, typer.Option(help="File to save the signed certificate to.")] = None,
    server: ServerUrl = None,
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Classify an image and prove an L2 radius within which the class cannot change, or abstain."""
    from workers.commands.presentation import print_certificate

    check_folder_of(certificate)
    smoothing = given(sigma=sigma, n=n, n0=n0, alpha=alpha, noise=noise and noise.value)
    aims = given(target_radius=target_radius, tolerance=tolerance, bound=bound)
    fields = given(labels=labels, task=task, template=template, **smoothing, **aims)
    result = answer(JobKind.CERTIFY, image, fields, server, profile)
    if certificate is not None:
        certificate.write_bytes(canonical_bytes(result["certificate"]))
    show(result, as_json, print_certificate)


@app.command()
def verify(
    certificate: CertificateFile,
    image: Annotated[Path | None, typer.Option(help="The image file, to check that it is the one certified.")] = None,
    key: Annotated[str | None, typer.Option(help="Public key that must have signed it, in hexadecimal.")] = None,
    replay: Annotated[bool, typer.Option("--replay", help="Count all votes again, with the models.")] = False,
    seed: Annotated[str | None, typer.Option(help="The revealed seed; by default from this state folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a certificate, and compute its radius again; exit 1 when a check fails."""
    from workers.commands.certificates import verification_of
    from workers.commands.presentation import print_verification

    with progress_bar("samples") as advance_to:
        verification = verification_of(certificate, image, key, seed, replay, settings_with, advance_to)
    show(verification.document, as_json, print_verification)
    if not verification.valid:
        raise typer.Exit(1)


@app.command()
def reveal(certificate: CertificateFile, as_json: AsJson = False) -> None:
    """Print the seed of a certificate's noise, for an audit: whoever sees it can draw that noise from then on."""
    from workers.commands.certificates import revealed_seed
    from workers.commands.presentation import print_value

    show({"seed": revealed_seed(certificate, settings_with())}, as_json, print_value)


@app.command()
def key(server: ServerUrl = None, as_json: AsJson = False) -> None:
    """Print the public key of this state folder's certificates, or of a server's."""
    from workers.commands.certificates import public_key
    from workers.commands.presentation import print_value

    show({"public_key": public_key(settings_with(), server)}, as_json, print_value)


@app.command()
def plan(
    target_radius: Annotated[float, typer.Option(help="L2 radius that is wanted.")],
    sigma: Sigma = None,
    n: Samples = None,
    n0: SelectionSamples = None,
    alpha: Alpha = None,
    p: Annotated[list[float] | None, typer.Option("--p", help="Probability of the class; repeat it.")] = None,
    samples_per_second: Annotated[float | None, typer.Option(help="Speed to reckon with.")] = None,
    server: ServerUrl = None,
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Say what a radius would cost in samples and seconds, without any image."""
    from workers.commands.presentation import print_plan

    smoothing = given(target_radius=target_radius, sigma=sigma, n=n, n0=n0, alpha=alpha)
    fields = {**smoothing, **given(p=p, samples_per_second=samples_per_second)}
    if server:
        from workers.server_client import Server

        document = Server(server).plan(fields)
    else:
        document = planned(fields, settings_with(profile=profile))
    show(document, as_json, print_plan)


@app.command()
def adapt(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the task.")],
    labels: Labels = None,
    template: Template = None,
    shots: Annotated[int | None, typer.Option(help="Reference images of each label to adapt with.")] = None,
    held_back: Annotated[int | None, typer.Option(help="Reference images of each label to judge by.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of personalising the denoiser; 0: labels only.")] = None,
    fine_tuning_steps: Annotated[int | None, typer.Option(help="Steps of fine-tuning the classifier.")] = None,
    guidance_weight: Annotated[float | None, typer.Option(help="Weight of the classifier's loss (lambda).")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of the denoiser.")] = None,
    fine_tuning_learning_rate: Annotated[float | None, typer.Option(help="Of the classifier.")] = None,
    fine_tuning_mix: Annotated[float | None, typer.Option(help="Share of the fine-tuned weights, to 1.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed makes the same models.")] = None,
    publish: Annotated[str | None, typer.Option(help="if-no-worse or always.")] = None,
    server: ServerUrl = None,
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Adapt the models to a label set, from the class names alone, and store them as a task."""
    from workers.commands.presentation import print_adaptation

    rates = given(
        learning_rate=learning_rate,
        fine_tuning_learning_rate=fine_tuning_learning_rate,
        fine_tuning_mix=fine_tuning_mix,
    )
    sizes = given(shots=shots, held_back=held_back, steps=steps, fine_tuning_steps=fine_tuning_steps)
    others = given(template=template, guidance_weight=guidance_weight, seed=seed, publish=publish)
    fields = {"name": name, "labels": labels or [], **sizes, **rates, **others}
    with progress_bar("steps") as advance_to:
        if server:
            from workers.server_client import Server

            result = Server(server, say).adapt(fields, advance_to)
        else:
            from workers.commands.local import adapt_locally

            result = adapt_locally(fields, settings_with(profile=profile), advance_to)
    show(result, as_json, print_adaptation)


@app.command()
def evaluate(
    dataset: Annotated[Path, typer.Argument(help="Folder of sheets with labels.json, or one folder for each class.")],
    split: Annotated[str | None, typer.Option(help="Split of the data set.")] = None,
    labels: Labels = None,
    task: TaskName = None,
    template: Template = None,
    sigma: Annotated[float, typer.Option(help="Standard deviation of the noise.", min=0.05, max=1.0)] = 0.25,
    n: Annotated[int | None, typer.Option("--n", help="Samples; 1000, or 100 with --test.", min=1)] = None,
    n0: Annotated[int, typer.Option("--n0", help="Selection samples.", min=1)] = 100,
    alpha: Annotated[float, typer.Option(help="Accepted probability of a wrong row.", min=1e-12, max=0.05)] = 0.001,
    noise: NoiseName = None,
    target_radius: TargetRadius = None,
    tolerance: Tolerance = None,
    bound: BoundName = None,
    test: Annotated[PredictTest | None, typer.Option("--test", help="Predict instead of certifying.")] = None,
    limit: Annotated[int | None, typer.Option(help="Only so many images, of all classes.", min=1)] = None,
    no_denoiser: Annotated[
        bool, typer.Option("--no-denoiser", help="Smooth the bare classifier (CLIP-Smooth).")
    ] = False,
    no_smoothing: Annotated[
        bool, typer.Option("--no-smoothing", help="The bare classifier on the clean image.")
    ] = False,
    k: Annotated[float | None, typer.Option("--k", help="Correction factor of Eq. 8.", min=0.0, max=10.0)] = None,
    workers: Annotated[int, typer.Option(help="Processes of one thread each.", min=1)] = 1,
    rows: Annotated[Path | None, typer.Option("--output", help="JSONL file of the rows; resumed if it exists.")] = None,
    profile: ProfileName = None,
    server: ServerUrl = None,
    as_json: AsJson = False,
) -> None:
    """Certify every image of a data set; one JSON row an image, resumed where it stopped."""
    method = method_of(no_denoiser, no_smoothing, (target_radius, tolerance, bound, test))
    samples = n or (PREDICTION_SAMPLES if test else CERTIFICATE_SAMPLES)
    procedure = procedure_of(
        SmoothingParameters(sigma, n0, samples, alpha), bound, target_radius, tolerance, test, noise or Noise.GAUSSIAN
    )
    if server and (k is not None or profile):
        raise InvalidInputError("--k and --profile are the server's own: leave them out with --server", field="server")
    settings = settings_with(profile=profile, k=k, threads=1 if workers > 1 else None)
    side = served_profile(settings).side
    parameters = SmoothingParameters(sigma, n0, samples, alpha, slack_of(procedure.noise, sigma, side, side))
    images = read_dataset(dataset, split, side, limit)
    if task and (labels or template or server):
        raise InvalidInputError(
            "--task has its labels and its template, and is read here: no --labels, --template or --server", "task"
        )
    label_task = (
        stored_task(task, settings) if task else task_for(images.class_names, labels, template or DEFAULT_TEMPLATE)
    )
    images = relabelled(images, label_task.labels) if task else images
    from workers.commands.presentation import print_evaluation
    from workers.evaluation.rows import row_source
    from workers.evaluation.runs import Evaluation
    from workers.evaluation.runs import evaluate as run_evaluation

    evaluation = Evaluation(settings, label_task, method, parameters, images.digest, server, procedure)
    rows_file = rows or Path("evaluations") / f"{dataset.name}-{split or 'all'}-{evaluation.digest}.jsonl"
    with progress_bar("images") as advance:
        source = row_source(evaluation, images, workers, say)
        summary = run_evaluation(evaluation, len(images), rows_file, source, advance)
    show(summary, as_json, print_evaluation)


def method_of(
    no_denoiser: bool, no_smoothing: bool, asked_of_samples: Sequence[object]
) -> Literal["denoised", "no-denoiser", "no-smoothing"]:
    """Raises InvalidInputError for what excludes each other."""
    if no_denoiser and no_smoothing:
        raise InvalidInputError("--no-denoiser and --no-smoothing exclude each other", field="no-denoiser")
    if no_smoothing and any(value is not None for value in asked_of_samples):
        raise InvalidInputError("--no-smoothing takes no samples, whatever is asked of them", field="no-smoothing")
    return "no-smoothing" if no_smoothing else "no-denoiser" if no_denoiser else "denoised"


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context, server: ServerUrl = None, as_json: AsJson = False) -> None:
    """The sets of models: list, get and check them."""
    if context.invoked_subcommand is None:
        list_command(server, as_json)
    elif server or as_json:
        raise InvalidInputError("put --server and --json behind the command", field="models")


@models_app.command("list")
def list_command(server: ServerUrl = None, as_json: AsJson = False) -> None:
    """List the sets of models with their licences."""
    from workers.commands.models import list_models
    from workers.commands.presentation import print_models
    from workers.server_client import Server

    show(Server(server).models() if server else list_models(settings_with()), as_json, print_models)


@models_app.command("pull")
def pull_command(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="One of `robustify models list`.")],
    accept_licence: Annotated[bool, typer.Option("--accept-licence", help="You have read it and accept it.")] = False,
    origin: Annotated[
        Path | None, typer.Option("--from", metavar="FOLDER", help="Models of yours, in the same subfolders.")
    ] = None,
    revision: Annotated[
        list[str] | None, typer.Option(metavar="REPOSITORY=COMMIT", help="Another commit than the newest; repeat it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Get the models of a profile, all or none; after an interruption it goes on where it was."""
    from workers.commands.models import acceptance, profile_to_pull, pull_models
    from workers.commands.presentation import print_pull

    accepts = acceptance(accept_licence, say, lambda question: typer.confirm(question, err=True))
    wanted = profile_to_pull(profile, settings_with(), origin, accepts)
    with progress_bar("MB") as advance:
        result = pull_models(wanted, origin, revision or (), megabytes(advance))
    show(result, as_json, print_pull)


@models_app.command("verify")
def verify_command(
    profile: Annotated[str | None, typer.Argument(metavar="PROFILE", help="By default the one that is served.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read every file of the models again, and name those that are damaged, missing or not known."""
    from workers.commands.models import verify_models
    from workers.commands.presentation import print_findings

    settings = settings_with()
    with progress_bar("MB") as advance:
        result = verify_models(profile or settings.profile, settings, megabytes(advance))
    show(result, as_json, print_findings)
    if result["findings"]:
        raise typer.Exit(1)


@app.command()
def selftest(
    bound: Annotated[Claim, typer.Option(help="What is claimed: a bound of CERTIFY, or sequential PREDICT.")] = (
        Claim.CLOPPER_PEARSON
    ),
    images: Annotated[int, typer.Option(help="Random images to ask about.", min=1)] = 500,
    alpha: Annotated[float, typer.Option(help="Accepted share of wrong answers.", min=1e-6, max=0.05)] = 0.01,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1, max=16)] = 1,
    coins: Annotated[int, typer.Option(help="Certificates of a fair coin, whose votes must vary as chance does.")] = 0,
    kill_every: Annotated[float, typer.Option(help="Kill a worker with SIGKILL every so many seconds.", min=0)] = 0,
    cancel_every: Annotated[float, typer.Option(help="Cancel a job, and submit it again, as often.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Ask about images whose exact radius is known; exit 1 if more answers are false than alpha allows."""
    from workers.commands.presentation import print_figures
    from workers.evaluation.selftest import selftest as run_selftest

    done = count()
    with TemporaryDirectory(prefix="robustify-selftest-") as state, progress_bar("certificates") as advance:
        report = run_selftest(
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
    document = {**report.__dict__, "passed": report.passed}
    show(document, as_json, print_figures)
    if not report.passed:
        raise typer.Exit(1)


@app.command()
def demo() -> None:
    """Start the service, predict and certify a bundled image over HTTP, and stop."""
    from workers.commands.demo import demo as run_demo

    run_demo(output)


def answer(
    kind: JobKind, image: Path, fields: Mapping[str, Any], server: str | None, profile: str | None
) -> dict[str, Any]:
    """One result document, from a server or from models loaded in this process."""
    if not image.is_file():
        raise InvalidInputError(f"{image} is no file", field="image")
    with progress_bar("samples") as advance_to:
        if server:
            from workers.server_client import Server

            return Server(server, say).answer(kind, image, fields, advance_to)
        settings = settings_with(profile=profile)
        request, tensor = prepare(kind, image.read_bytes(), fields, settings)
        # Imported once the request is in order: the model libraries take seconds.
        from workers.commands.local import LocalAnswer

        return LocalAnswer(request, tensor, settings, advance_to).result()


def check_folder_of(file: Path | None) -> None:
    """Say at once that a file cannot be written, rather than when its content is there."""
    if file is not None and (file.is_dir() or not file.parent.is_dir()):
        raise InvalidInputError(f"{file} cannot be written: name a file in a folder that exists", field="certificate")


def say(text: str) -> None:
    """A line for people on standard error, beside whatever is printed."""
    messages.print(text, highlight=False, markup=False, soft_wrap=True)


def task_for(class_names: tuple[str, ...], labels: list[str] | None, template: str) -> Task:
    """The data set's own names, or other names for its classes in the same order."""
    if labels and len(labels) != len(class_names):
        raise InvalidInputError(
            f"the data set has {len(class_names)} classes: give {len(class_names)} labels, or none", field="labels"
        )
    try:
        return Task(tuple(check_labels(labels or list(class_names))), check_template(template))
    except PydanticCustomError as error:
        raise InvalidInputError(str(error), field="labels") from error


def stored_task(name: str, settings: Settings) -> Task:
    """A version of a task of the state folder."""
    return asked_task(PredictParameters(task=name), served_profile(settings), TaskStore(settings.task_folder)).task


def given(**fields: Any) -> dict[str, Any]:
    """The fields that were given on the command line."""
    return {name: value for name, value in fields.items() if value is not None}


def settings_with(**overrides: Any) -> Settings:
    """The environment's settings, with what the command line says instead."""
    try:
        return Settings(**given(**overrides))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidInputError(f"setting {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def require_queue(settings: Settings) -> None:
    if settings.redis_url is None:
        raise InvalidInputError("set ROBUSTIFY_REDIS_URL, or run everything on this machine with `robustify up`")


def show(document: Mapping[str, Any], as_json: bool, print_for_people: Any) -> None:
    if as_json:
        typer.echo(json.dumps(document, allow_nan=False))
    else:
        print_for_people(output, document)


@contextmanager
def progress_bar(unit: str) -> Iterator[Any]:
    """A bar on standard error while the work lasts; yields `advance(done, total)`."""
    columns = (TextColumn(unit), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal) as progress:
        bar = progress.add_task(unit, total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


def megabytes(advance: Any) -> Any:
    return lambda done, total: advance(done // MEGABYTE, -(-total // MEGABYTE))


def main() -> None:
    """Entry point: expected failures become one line and an exit code."""
    try:
        with orderly_termination():
            app()
    except InvalidInputError as error:
        messages.print(f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(2)
    except (RobustifyError, OSError) as error:
        messages.print(f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
