"""From what was asked of a preview, an image and a stored task to the request that the queue carries, in the steps of
`preparation`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from adapters.contract.fields import FieldProblem, accepted, parse_fields
from adapters.contract.jobs import PreviewRequest
from adapters.contract.preview import PreviewParameters, check_change
from adapters.contract.prompts import check_prompts
from adapters.contract.records import Direction, JobKind
from adapters.contract.smoothing import check_label_count
from adapters.contract.templates import check_templates_fit, task_of
from adapters.images import CanonicalImage
from adapters.preparation import AskedTask, asked_task, check_noise, input_image, unless_named
from adapters.profiles.fingerprint import engine_digest, function_digest
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from adapters.store.tasks import TaskStore


@dataclass(frozen=True)
class CheckedPreview:
    """What is asked of an image: checked parameters, the task, and whose models are to look."""

    parameters: PreviewParameters
    asked: AskedTask
    profile: Profile


def checked_preview(
    values: Mapping[str, object],
    strict: bool,
    profile: Profile,
    tasks: TaskStore,
    problems: Sequence[FieldProblem] = (),
) -> CheckedPreview:
    """Raises FieldsError with `problems`, which are known already, and all that is wrong with the fields; and as
    `asked_task` does.
    """
    parameters, wrong = parse_preview(values, strict)
    if parameters is not None:
        wrong = list(check_fit(parameters, profile))
    found = accepted(parameters, [*problems, *unless_named(wrong, problems)])
    return CheckedPreview(found, asked_task(found, profile, tasks), profile)


def parse_preview(values: Mapping[str, object], strict: bool) -> tuple[PreviewParameters | None, list[FieldProblem]]:
    """As `parse_fields`, with the image among the fields that are known."""
    known = ("image", *PreviewParameters.model_fields)
    return parse_fields(f"/{JobKind.PREVIEW}", PreviewParameters, values, strict, known=known)


def preview_request(asked: CheckedPreview, image: CanonicalImage, settings: Settings) -> PreviewRequest:
    """The request with all defaults filled in and the fingerprint of the function that will look."""
    parameters, task, profile = asked.parameters, asked.asked.task, asked.profile
    sigma = parameters.sigma or profile.default_sigma
    engine = engine_digest(profile, settings)
    return PreviewRequest(
        image=input_image(image),
        labels=task.labels,
        template=task.template,
        templates=task.templates,
        sigma=sigma,
        draw=parameters.draw,
        radius=parameters.radius,
        direction=None if parameters.direction is None else Direction(parameters.direction),
        profile=profile.name,
        engine=engine,
        fingerprint=function_digest(engine, task, sigma),
        task=asked.asked.name,
        version=asked.asked.version,
        adaptation=task.adaptation,
    )


def check_fit(parameters: PreviewParameters, profile: Profile) -> Iterator[FieldProblem]:
    """What is wrong with parameters that are each in range."""
    yield from check_label_count(parameters, profile)
    yield from check_noise(parameters.sigma, profile)
    if parameters.labels is not None:
        yield from check_templates_fit(parameters.labels, parameters, profile.templates)
        yield from check_prompts(task_of(parameters.labels, parameters, profile.templates), profile)
    yield from check_change(parameters, profile)
