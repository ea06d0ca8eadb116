"""`robustify predict`, `certify` and `plan`: asked of a server, or of models in this process."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapters.canonical_json import canonical_bytes
from adapters.contract.label_sets import FIELD as LABEL_SETS
from adapters.contract.plan import Plan, checked_plan
from adapters.contract.plan import plan as plan_of
from adapters.contract.records import JobKind, VoteKind
from adapters.contract.results import AnyCertifyResult, PredictResult
from adapters.contract.sigmas import FIELD as SIGMAS
from adapters.contract.templates import prompt_fields
from adapters.preparation import canonical_image, checked, request_of
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from adapters.store.places import places_of
from robustify.errors import InvalidInputError
from workers.commands.app import (
    Alpha,
    AsJson,
    BoundName,
    ImageFile,
    Labels,
    LabelSets,
    NoiseName,
    ProfileName,
    Samples,
    SelectionSamples,
    ServerUrl,
    Sigma,
    Sigmas,
    TargetRadius,
    TaskName,
    Template,
    TestName,
    Tolerance,
    app,
    given,
    progress_bar,
    say,
    settings_with,
    show,
)
from workers.commands.presentation import print_certified, print_plan, print_prediction
from workers.server_client import Progress, server_at

if TYPE_CHECKING:
    from workers.commands.local import LocalAnswer


CertificatePath = Annotated[Path | None, typer.Option(help="File to save the signed certificate to.")]
Probabilities = Annotated[list[float] | None, typer.Option("--p", help="Probability of the class; repeat it.")]
Speed = Annotated[float | None, typer.Option(help="Speed to reckon with.")]


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
    smoothing = given(sigma=sigma, n=n, alpha=alpha, noise=noise and noise.value, test=test and test.value)
    fields = {**given(labels=labels, task=task, **smoothing), **prompt_fields(template or ())}
    show(predicted(read_image(image), fields, server, profile), as_json, print_prediction)


@app.command()
def certify(
    image: ImageFile,
    labels: Labels = None,
    label_set: LabelSets = None,
    task: TaskName = None,
    template: Template = None,
    sigma: Sigmas = None,
    n: Samples = None,
    n0: SelectionSamples = None,
    alpha: Alpha = None,
    noise: NoiseName = None,
    target_radius: TargetRadius = None,
    tolerance: Tolerance = None,
    bound: BoundName = None,
    certificate: CertificatePath = None,
    server: ServerUrl = None,
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Classify an image and prove an L2 radius within which the class cannot change, or abstain."""
    check_folder_of(certificate)
    smoothing = {**sigma_fields(sigma or ()), **given(n=n, n0=n0, alpha=alpha, noise=noise and noise.value)}
    aims = given(target_radius=target_radius, tolerance=tolerance, bound=bound)
    sets = None if label_set is None else [labels_of(text) for text in label_set]
    asked = given(labels=labels, label_sets=sets, task=task, **smoothing, **aims)
    result = certified(read_image(image), {**asked, **prompt_fields(template or ())}, server, profile)
    if certificate is not None:
        certificate.write_bytes(canonical_bytes(result.certificate))
    show(result, as_json, print_certified)


@app.command()
def plan(
    target_radius: Annotated[float, typer.Option(help="L2 radius that is wanted.")],
    sigma: Sigma = None,
    n: Samples = None,
    n0: SelectionSamples = None,
    alpha: Alpha = None,
    p: Probabilities = None,
    label_sets: Annotated[int | None, typer.Option(help="Label sets of one certificate, which share alpha.")] = None,
    sigmas: Annotated[int | None, typer.Option(help="Sigmas of one certificate, which share alpha.")] = None,
    samples_per_second: Speed = None,
    server: ServerUrl = None,
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Say what a radius would cost in samples and seconds, without any image."""
    smoothing = given(target_radius=target_radius, sigma=sigma, n=n, n0=n0, alpha=alpha)
    fields = {**smoothing, **given(p=p, label_sets=label_sets, sigmas=sigmas, samples_per_second=samples_per_second)}
    if server:
        document = server_at(server).plan({**fields, **given(profile=profile)})
    else:
        document = planned(fields, settings_with(profile=profile))
    show(document, as_json, print_plan)


def predicted(image: bytes, fields: Mapping[str, object], server: str | None, profile: str | None) -> PredictResult:
    """The answer of a server, or of models loaded in this process."""
    with progress_bar("samples") as advance_to:
        if server:
            return server_at(server, say).predict(image, {**fields, **given(profile=profile)}, advance_to)
        return local_answer(JobKind.PREDICT, image, fields, profile, advance_to).prediction()


def certified(image: bytes, fields: Mapping[str, object], server: str | None, profile: str | None) -> AnyCertifyResult:
    """Likewise."""
    with progress_bar("samples") as advance_to:
        if server:
            asked, at = {**fields, **given(profile=profile)}, server_at(server, say)
            return (at.certify_together if {LABEL_SETS, SIGMAS} & {*fields} else at.certify)(image, asked, advance_to)
        answer = local_answer(JobKind.CERTIFY, image, fields, profile, advance_to)
        return answer.certificate_together() if answer.request.has_sets else answer.certificate()


def sigma_fields(sigmas: Sequence[float]) -> dict[str, object]:
    """What a request says of these: nothing, one, or several."""
    if len(sigmas) > 1:
        return {SIGMAS: [*sigmas]}
    return {"sigma": sigmas[0]} if sigmas else {}


def labels_of(text: str) -> list[str]:
    """The labels of one set, divided by commas; one that has a comma itself stands in quotation marks, as in CSV."""
    return next(csv.reader([text], skipinitialspace=True), [])


def local_answer(
    kind: VoteKind, image: bytes, fields: Mapping[str, object], profile_name: str | None, on_progress: Progress
) -> "LocalAnswer":
    """What this process will answer; everything that can be refused without loading a model is refused before."""
    settings = settings_with(profile=profile_name)
    profile = served_profile(settings)
    asked = checked(kind, fields, False, profile, places_of(settings).tasks_of())
    canonical = canonical_image(asked, image)
    request = request_of(asked, canonical, settings)
    # Imported once the request is in order: the model libraries take seconds.
    from workers.commands.local import LocalAnswer

    return LocalAnswer(request, canonical.tensor, settings, on_progress)


def planned(fields: Mapping[str, object], settings: Settings) -> Plan:
    """What a radius costs, as `POST /plan` answers it; raises one error with all that is wrong."""
    profile = served_profile(settings)
    return plan_of(checked_plan(fields, False, profile), profile, settings)


def read_image(file: Path) -> bytes:
    if not file.is_file():
        raise InvalidInputError(f"{file} is no file", field="image")
    return file.read_bytes()


def check_folder_of(file: Path | None) -> None:
    """Say at once that a file cannot be written, rather than when its content is there."""
    if file is not None and (file.is_dir() or not file.parent.is_dir()):
        raise InvalidInputError(f"{file} cannot be written: name a file in a folder that exists", field="certificate")
