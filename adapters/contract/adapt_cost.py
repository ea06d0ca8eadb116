"""What an adaptation costs, known before it begins: work in samples, memory, the longest pass; and what is too much.

A sample is one noisy copy of an image through the denoiser and classifier that serve: what a quota counts, and what
the speed of a worker is measured in. The constants are those of profile mini in float32, as
`python -m benchmarks.studies.adaptation_cost` finds them; where training is in bfloat16, it costs about half.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from adapters.contract.adapt import EVALUATE, FINE_TUNE, PERSONALIZE, SYNTHESIZE, judgements
from adapters.contract.fields import FieldProblem, FieldsError
from adapters.contract.jobs import AdaptRequest
from adapters.profiles.profile import Profile
from adapters.settings import Settings

SAMPLING_STEP, ENLARGING_STEP = 0.8, 2.0
"""Of one image, with classifier-free guidance."""
PERSONALIZED_IMAGE = 2.3
"""Forward and backward through denoiser and classifier."""
TUNED_IMAGE, TUNED_LABEL, TUNED_STEP = 1.4, 0.12, 1.0
"""Forward through the denoiser, forward and backward through both encoders; and the optimizer over all weights."""
JUDGED_SAMPLE = 1.1
"""Through a denoiser that is not folded."""
JUDGED_SAMPLES = 120
"""Of each image, sigma and variant: 20 to select and 100 to estimate."""
VALIDATE_STEPS = 25
"""After so many steps, and at the end, the losses on held-back references are taken: a forward pass."""
FLOAT_BYTES = 4
LORA_COPIES = 7
"""Of its numbers: weights, gradient, two moments, and those three without the gradient in a checkpoint."""
DRAWN_COPIES = 2
"""Of a batch before it is cut into micro-batches: images and noise."""
CHANNELS = 3


@dataclass(frozen=True)
class AdaptationCost:
    """`work_samples`: all passes together. `step_bytes`: memory that the sizes in the request take in one step, beside
    the models and one micro-batch. `pass_samples`: the longest piece that nothing interrupts; over the samples that a
    worker does in a second it is the seconds that others may wait.
    """

    stages: Mapping[str, int]
    """Samples of each stage."""
    step_bytes: int
    pass_samples: int

    @property
    def work_samples(self) -> int:
        return sum(self.stages.values())


def cost_of(request: AdaptRequest, profile: Profile, synthesizes: bool = True) -> AdaptationCost:
    """The cost of a whole request: 0 where the labels are stored and nothing is adapted."""
    if not request.adapts:
        return AdaptationCost({}, 0, 0)
    works = {
        SYNTHESIZE: synthesis_samples(request, profile) if synthesizes else 0,
        PERSONALIZE: personalization_samples(request),
        FINE_TUNE: fine_tuning_samples(request, profile),
        EVALUATE: JUDGED_SAMPLES * JUDGED_SAMPLE * judgements(len(request.labels) * request.held_back),
    }
    return AdaptationCost(
        stages={stage: math.ceil(samples) for stage, samples in works.items()},
        step_bytes=step_bytes(request, profile),
        pass_samples=math.ceil(longest_pass(request, profile)),
    )


def synthesis_samples(request: AdaptRequest, profile: Profile) -> float:
    made = profile.adaptation
    images = len(request.labels) * (request.shots + request.held_back)
    return images * (made.base_steps * SAMPLING_STEP + made.enlarging_steps * ENLARGING_STEP)


def personalization_samples(request: AdaptRequest) -> float:
    trained = request.steps * request.batch_size * PERSONALIZED_IMAGE
    return trained + validations(request.steps) * request.batch_size


def fine_tuning_samples(request: AdaptRequest, profile: Profile) -> float:
    """Every micro-batch is compared with all labels, whose prompts are embedded anew for it."""
    size = request.fine_tuning_batch_size
    labels = math.ceil(size / profile.micro_batch_size) * prompts(request) * TUNED_LABEL
    step = size * TUNED_IMAGE + labels + TUNED_STEP
    return request.fine_tuning_steps * step + validations(request.fine_tuning_steps) * (size + labels)


def prompts(request: AdaptRequest) -> int:
    """What the text encoder reads for all labels once."""
    return len(request.labels) * len(request.label_task.all_templates)


def validations(steps: int) -> int:
    return math.ceil(steps / VALIDATE_STEPS)


def longest_pass(request: AdaptRequest, profile: Profile) -> float:
    """One step of sampling, or one micro-batch of a training."""
    most = profile.micro_batch_size
    sampled = profile.adaptation.images_per_batch * max(SAMPLING_STEP, ENLARGING_STEP)
    personalized = min(request.batch_size, most) * PERSONALIZED_IMAGE if request.steps else 0.0
    tuned = min(request.fine_tuning_batch_size, most) * TUNED_IMAGE + prompts(request) * TUNED_LABEL + TUNED_STEP
    return max(sampled, personalized, tuned if request.fine_tuning_steps else 0.0)


def step_bytes(request: AdaptRequest, profile: Profile) -> int:
    """The larger of both trainings: the drawn batch, and the LoRA with the state of its optimizer."""
    image = DRAWN_COPIES * CHANNELS * profile.side**2 * FLOAT_BYTES
    lora = LORA_COPIES * profile.lora_width * request.rank * FLOAT_BYTES
    return max(request.batch_size * image + lora, request.fine_tuning_batch_size * image)


def checked_cost(
    request: AdaptRequest, profile: Profile, settings: Settings, synthesizes: bool = True
) -> AdaptationCost:
    """The cost of a request; raises FieldsError when it is more than the settings allow."""
    cost = cost_of(request, profile, synthesizes)
    if problems := tuple(excesses(request, cost, settings)):
        raise FieldsError(problems)
    return cost


def excesses(request: AdaptRequest, cost: AdaptationCost, settings: Settings) -> Iterator[FieldProblem]:
    """What is over a limit, at the field that does most to it."""
    if cost.work_samples > settings.max_adapt_samples:
        yield dearest_stage(cost, settings.max_adapt_samples)
    if cost.step_bytes > settings.max_adapt_bytes:
        yield FieldProblem(
            field="batch_size" if request.batch_size >= request.fine_tuning_batch_size else "fine_tuning_batch_size",
            detail=f"One step would take {cost.step_bytes} bytes beside the models, and {settings.max_adapt_bytes} are "
            "allowed: give a smaller batch_size, fine_tuning_batch_size or rank.",
        )


def dearest_stage(cost: AdaptationCost, most: int) -> FieldProblem:
    dearest = max(cost.stages, key=lambda stage: cost.stages[stage])
    field, remedy = REMEDIES[dearest]
    return FieldProblem(
        field=field,
        detail=f"This adaptation is as much work as {cost.work_samples} samples, {cost.stages[dearest]} of them to "
        f"{dearest}, and {most} are allowed: {remedy}.",
    )


REMEDIES: Mapping[str, tuple[str, str]] = {
    SYNTHESIZE: ("shots", "give fewer labels, shots or held_back"),
    PERSONALIZE: ("steps", "give fewer steps or a smaller batch_size"),
    FINE_TUNE: ("fine_tuning_steps", "give fewer fine_tuning_steps or a smaller fine_tuning_batch_size"),
    EVALUATE: ("held_back", "give fewer held_back, or ask the operator for more"),
}
"""The field that is named, and what to do."""
