"""The stages of an adaptation and how many steps each has: what its progress is told in, known before it begins."""

from collections.abc import Mapping

from adapters.queue.messages import AdaptRequest

SYNTHESIZE, PERSONALIZE, FINE_TUNE, EVALUATE = "synthesize", "personalize", "fine-tune", "evaluate"
BEFORE, AFTER = "before", "after"
VARIANTS = (BEFORE, AFTER)
SIGMAS = (0.25, 0.5)
MOST_IMAGES = 40
"""The first held-back references are judged: one of each label, another of each, and so on."""


def stage_steps(request: AdaptRequest) -> Mapping[str, int]:
    """How many steps each stage has."""
    images = len(request.labels) * request.held_back
    return {
        SYNTHESIZE: len(request.labels) * request.shots + images,
        PERSONALIZE: request.steps,
        FINE_TUNE: request.fine_tuning_steps,
        EVALUATE: judgements(images),
    }


def total_steps(request: AdaptRequest) -> int:
    """All steps of a request; 0 where nothing is adapted."""
    return sum(stage_steps(request).values()) if request.adapts else 0


def judgements(images: int) -> int:
    """How many images are judged, each sigma and variant counted."""
    return min(images, MOST_IMAGES) * len(SIGMAS) * len(VARIANTS)
