"""The one way from what was asked, an image and a stored task to the request that the queue carries.

1. `checked`: the values of the fields become parameters, alone and for this profile, and the task that they name is
   looked up and pinned. Everything that is wrong with the fields is told at once.
2. `canonical_image`: the bytes become the canonical tensor, by the noise that was asked for.
3. `request_of`: both become a `JobRequest`, with every default filled in and the fingerprint of the function that will
   answer it.

The API and the command line take the same steps; the API stores the tensor before the last one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from adapters.contract.certify import CertifyParameters, check_certificate
from adapters.contract.fields import FieldProblem, FieldsError, accepted, parse_fields, sentence
from adapters.contract.jobs import InputImage, JobRequest
from adapters.contract.label_sets import check_label_sets, sets_task
from adapters.contract.labels import class_indices
from adapters.contract.looks import certificate_looks, sequential_looks
from adapters.contract.predict import PredictParameters
from adapters.contract.prompts import check_prompts
from adapters.contract.records import JobKind, VoteKind
from adapters.contract.sigmas import FIELD as SIGMAS
from adapters.contract.sigmas import check_votes
from adapters.contract.smoothing import AskedParameters, SmoothedParameters, check_enough, check_label_count
from adapters.contract.templates import check_templates_fit, task_of
from adapters.images import CanonicalImage, canonicalise_for
from adapters.profiles.fingerprint import engine_digest, function_digest
from adapters.profiles.noise_range import check_sigma
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from adapters.store.tasks import StoredTask, TaskStore, Version
from adapters.store.tensors import tensor_digest
from robustify.errors import InvalidInputError, TaskConflictError, UnknownTaskError
from robustify.smoothing.looks import Looks
from robustify.smoothing.statistics import fewest_samples_to_predict
from robustify.types import Bound, Noise, PredictTest, Task

VERSION_MARK = "@"
PARAMETERS: Mapping[JobKind, type[SmoothedParameters]] = MappingProxyType(
    {JobKind.PREDICT: PredictParameters, JobKind.CERTIFY: CertifyParameters}
)


@dataclass(frozen=True)
class AskedTask:
    """What a request asks about: the labels that it gives, or a version of a stored task, pinned from here on."""

    task: Task
    name: str | None = None
    version: int | None = None


@dataclass(frozen=True)
class CheckedRequest:
    """What is asked of an image, whatever it is: checked parameters, the task, and whose models are to answer."""

    kind: VoteKind
    parameters: SmoothedParameters
    asked: AskedTask
    profile: Profile

    @property
    def noise(self) -> Noise:
        return Noise(self.parameters.noise)


def checked(
    kind: VoteKind,
    values: Mapping[str, object],
    strict: bool,
    profile: Profile,
    tasks: TaskStore,
    problems: Sequence[FieldProblem] = (),
) -> CheckedRequest:
    """Step 1. Raises FieldsError with `problems`, which are known already, and all that is wrong with the fields; and
    as `asked_task` does.
    """
    parameters, wrong = parse_parameters(kind, values, strict)
    if parameters is not None:
        wrong = list(check_fit(parameters, profile))
    found = accepted(parameters, [*problems, *unless_named(wrong, problems)])
    task = asked_task(found, profile, tasks)
    if too_many := list(check_votes(copies_of(found), len(task.task.labels))):
        raise FieldsError(too_many)
    return CheckedRequest(kind, found, task, profile)


def unless_named(wrong: Sequence[FieldProblem], named: Sequence[FieldProblem]) -> list[FieldProblem]:
    """Without those of fields of which it is known already that they did not come as they should."""
    fields = {problem.field for problem in named}
    return [problem for problem in wrong if problem.field.partition(".")[0] not in fields]


def canonical_image(asked: CheckedRequest, image: bytes) -> CanonicalImage:
    """Step 2. Raises UnreadableImageError."""
    return canonicalise_for(asked.noise, image, asked.profile.side, asked.profile.preprocessing)


def request_of(asked: CheckedRequest, image: CanonicalImage, settings: Settings) -> JobRequest:
    """Step 3."""
    return job_request(asked, input_image(image), settings)


def input_image(image: CanonicalImage) -> InputImage:
    """The image as the queue carries it: by its digests."""
    _, height, width = image.tensor.shape
    return InputImage(
        sha256=tensor_digest(image.tensor),
        height=height,
        width=width,
        source_sha256=image.source_sha256,
        source_norm=image.source_norm,
        reduced_by=image.reduced_by,
    )


def job_request(asked: CheckedRequest, image: InputImage, settings: Settings) -> JobRequest:
    """The request with all defaults filled in and the fingerprint of the function that will answer it."""
    parameters, task, profile = asked.parameters, asked.asked.task, asked.profile
    sigmas = sigmas_of(parameters)
    sigma = sigmas[-1] if sigmas else parameters.sigma or profile.default_sigma
    engine = engine_digest(profile, settings)
    decides = deciding_samples(parameters, profile, settings)
    return JobRequest(
        kind=asked.kind,
        image=image,
        labels=() if task.set_sizes else task.labels,
        label_sets=task.label_sets if task.set_sizes else (),
        template=task.template,
        templates=task.templates,
        sigma=sigma,
        sigmas=sigmas,
        n0=decides.n0,
        n=parameters.n,
        alpha=parameters.alpha,
        noise=asked.noise,
        bound=decides.bound,
        target_radius=decides.target_radius,
        tolerance=decides.tolerance,
        test=decides.test,
        looks=decides.looks,
        selection_looks=decides.selection_looks,
        profile=profile.name,
        engine=engine,
        fingerprint=function_digest(engine, task, sigma, asked.noise, sigmas),
        task=asked.asked.name,
        version=asked.asked.version,
        adaptation=task.adaptation,
    )


@dataclass(frozen=True)
class DecidingSamples:
    """Of a JobRequest: which samples and which test decide, and when they are looked at."""

    n0: int = 0
    bound: Bound = Bound.CLOPPER_PEARSON
    target_radius: float | None = None
    tolerance: float | None = None
    test: PredictTest = PredictTest.FIXED
    looks: Looks | None = None
    selection_looks: Looks | None = None


def deciding_samples(parameters: SmoothedParameters, profile: Profile, settings: Settings) -> DecidingSamples:
    batch = profile.samples_per_batch(settings)
    if isinstance(parameters, CertifyParameters):
        bound = parameters.bound_used
        planned = certificate_looks(bound, profile, settings)
        aims = (parameters.target_radius, parameters.tolerance)
        return DecidingSamples(
            parameters.n0, bound, *aims, looks=planned.looks, selection_looks=planned.selection_looks
        )
    assert isinstance(parameters, PredictParameters)
    looks = sequential_looks(parameters.test, parameters.n, parameters.alpha, batch)
    return DecidingSamples(test=PredictTest.FIXED if looks is None else PredictTest.SEQUENTIAL, looks=looks)


def asked_task(parameters: AskedParameters, profile: Profile, tasks: TaskStore) -> AskedTask:
    """Raises UnknownTaskError, TaskConflictError when the task was adapted to models that are not served, and
    InvalidInputError when the profile tells another number of labels apart, or cannot read their prompts.
    """
    if (label_sets := label_sets_of(parameters)) is not None:
        return AskedTask(sets_task(label_sets, parameters, profile.templates))
    if parameters.task is None:
        return AskedTask(task_of(parameters.labels or profile.class_names or (), parameters, profile.templates))
    stored, version = named_version(parameters.task, tasks)
    if version.adaptation and version.models != profile.model_digest:
        raise TaskConflictError(
            f"version {version.number} of task {stored.name!r} was adapted to other models than those of profile "
            f"{profile.name}: ask the profile that it was adapted to, or adapt it again"
        )
    if profile.classes not in (None, len(stored.labels)):
        raise InvalidInputError(f"profile {profile.name} tells exactly {profile.classes} labels apart", field="task")
    if profile.class_names is not None:
        check_task_classes(stored.labels, profile.class_names)
    task = Task(stored.labels, stored.template, version.adaptation, stored.templates)
    if wrong := list(check_prompts(task, profile, field="task")):
        raise FieldsError(wrong)
    return AskedTask(task, stored.name, version.number)


def label_sets_of(parameters: AskedParameters) -> Sequence[Sequence[str]] | None:
    """Of a certificate that is asked about several."""
    return parameters.label_sets if isinstance(parameters, CertifyParameters) else None


def sigmas_of(parameters: SmoothedParameters) -> tuple[float, ...]:
    """Of a certificate that is asked at several, the smallest first; of any other none."""
    return tuple(parameters.sigmas or ()) if isinstance(parameters, CertifyParameters) else ()


def copies_of(parameters: SmoothedParameters) -> int:
    """Noisy copies of each sample."""
    return len(sigmas_of(parameters)) or 1


def named_version(text: str, tasks: TaskStore) -> tuple[StoredTask, Version]:
    """The task and the version of NAME, the current one, or of NAME@NUMBER; raises UnknownTaskError."""
    name, _, number = text.partition(VERSION_MARK)
    if number and not (number.isascii() and number.isdecimal()):
        raise UnknownTaskError("a version of a task is named NAME@NUMBER")
    stored = tasks.find(name.strip())
    return stored, stored.version(int(number) if number else None)


def check_task_classes(labels: Sequence[str], class_names: Sequence[str]) -> None:
    """Raises InvalidInputError when a label of a task is none of the only classes that there are."""
    try:
        class_indices(class_names, labels)
    except InvalidInputError as error:
        raise InvalidInputError(str(error), field="task") from error


def parse_parameters(
    kind: JobKind, values: Mapping[str, object], strict: bool
) -> tuple[SmoothedParameters | None, list[FieldProblem]]:
    """As `parse_fields`, with the image among the fields that are known."""
    model = PARAMETERS[kind]
    return parse_fields(f"/{kind}", model, values, strict, known=("image", *model.model_fields))


def check_noise(sigma: float | None, profile: Profile, field: str = "sigma") -> Iterator[FieldProblem]:
    """Whether the denoiser was trained for it; the profile's own was looked at when its file was read."""
    try:
        check_sigma(profile, profile.default_sigma if sigma is None else sigma)
    except InvalidInputError as error:
        yield FieldProblem(field=field, detail=sentence(str(error)))


def check_fit(parameters: SmoothedParameters, profile: Profile) -> Iterator[FieldProblem]:
    """What is wrong with parameters that are each in range."""
    label_sets = label_sets_of(parameters)
    if label_sets is not None:
        yield from check_label_sets(label_sets, parameters, profile)
    else:
        yield from check_label_count(parameters, profile)
    if not (sigmas := sigmas_of(parameters)):
        yield from check_noise(parameters.sigma, profile)
    for place, sigma in enumerate(sigmas):
        yield from check_noise(sigma, profile, f"{SIGMAS}.{place}")
    if parameters.labels is not None and label_sets is None:
        yield from check_templates_fit(parameters.labels, parameters, profile.templates)
        yield from check_prompts(task_of(parameters.labels, parameters, profile.templates), profile)
    if isinstance(parameters, CertifyParameters):
        yield from check_certificate(parameters, parameters.sigma or profile.default_sigma)
    else:
        yield from check_enough(parameters.n, fewest_samples_to_predict(parameters.alpha))
