"""A black box behind HTTP as a classifier: it gives a label for an image, or scores, and nothing else.

One POST for each image, by one of the contracts of `black_box_contracts.py` and `kserve.py`. It must give the same
image the same label.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

import httpx
import numpy as np
import structlog
import torch

from adapters.models.classifiers.black_box_contracts import (
    Asked,
    Contract,
    HuggingFaceClasses,
    HuggingFaceZeroShot,
    OurContract,
)
from adapters.models.classifiers.kserve import KServe
from adapters.profiles.options.remote import RemoteOptions
from adapters.settings import Settings
from robustify.errors import ModelError
from robustify.types import Task

ATTEMPTS = 3
PAUSE_SECONDS = 0.5
WORTH_ANOTHER_TRY = frozenset({202, 408, 425, 429, 500, 502, 503, 504})
LEVELS = 255
CONTRACTS: Mapping[str, Callable[[RemoteOptions | None, Sequence[str] | None], Contract]] = {
    "robustify": lambda options, class_names: OurContract(),
    "hf-image-classification": lambda options, class_names: HuggingFaceClasses(),
    "hf-zero-shot": lambda options, class_names: HuggingFaceZeroShot(),
    "kserve-v2": KServe.of,
}

log = structlog.get_logger()


@dataclass
class Budget:
    """How many calls may still be made; None for any number."""

    left: int | None
    _lock: Lock = field(default_factory=Lock)

    def take(self) -> bool:
        with self._lock:
            if self.left is None:
                return True
            self.left = max(0, self.left - 1) if (granted := self.left > 0) else 0
            return granted


@dataclass(frozen=True)
class BlackBox:
    """The black box at `url`, asked by at most `calls` threads at once; a call may be tried `ATTEMPTS` times."""

    url: str
    client: httpx.Client
    budget: Budget
    calls: int
    contract: Contract = OurContract()
    pause_seconds: float = PAUSE_SECONDS

    @staticmethod
    def from_settings(
        settings: Settings, options: RemoteOptions | None = None, class_names: Sequence[str] | None = None
    ) -> "BlackBox":
        """Raises ModelError where no address is set, or the profile lacks what the contract needs."""
        if settings.classifier_url is None:
            raise ModelError("no black box is named: set ROBUSTIFY_CLASSIFIER_URL")
        contract = CONTRACTS[settings.classifier_contract](options, class_names)
        token = settings.classifier_token
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        client = httpx.Client(timeout=settings.classifier_timeout_seconds, headers=headers, follow_redirects=False)
        budget = Budget(settings.classifier_budget)
        return BlackBox(settings.classifier_url, client, budget, settings.classifier_calls, contract)

    def for_task(self, task: Task) -> "RemoteVotes":
        """Raises InvalidInputError for what the black box cannot be asked."""
        return RemoteVotes(self, task.labels, self.contract.asked_for(task))

    def label_of(self, pixels: np.ndarray, asked: Asked) -> str | None:
        """The black box's answer; None when it abstains, fails at every attempt, or the budget is spent."""
        for attempt in range(ATTEMPTS):
            if not self.budget.take():
                log.warning("classifier_budget_spent")
                return None
            label, again = self._ask(pixels, asked)
            if not again:
                return label
            time.sleep(self.pause_seconds * 2**attempt * (1 + random.random()) / 2)
        return None

    def _ask(self, pixels: np.ndarray, asked: Asked) -> tuple[str | None, bool]:
        """A label, if one came, and whether to ask again."""
        try:
            answer = asked.post(self.client, self.url, pixels)
        except httpx.TransportError as error:
            log.warning("classifier_unreachable", error=type(error).__name__)
            return None, True
        if answer.status_code != httpx.codes.OK:
            log.warning("classifier_refused", status=answer.status_code)
            return None, answer.status_code in WORTH_ANOTHER_TRY
        return asked.label_in(answer), False


@dataclass(frozen=True)
class RemoteVotes:
    """Logits (B, K) of images (B, 3, H, W) around [0, 1]: 1 for the label that came back, NaN where none did.

    The images are clamped and rounded to 8 bits: what is sent is part of f.
    """

    classifier: BlackBox
    labels: tuple[str, ...]
    asked: Asked
    has_gradients: bool = False

    def __call__(self, x0: torch.Tensor) -> torch.Tensor:
        pixels = (x0.float().clamp(0, 1) * LEVELS).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        keys = [image.tobytes() for image in pixels]
        different = dict(zip(keys, pixels, strict=True))  # The padding of a batch is one image many times.
        with ThreadPoolExecutor(self.classifier.calls) as pool:
            labels = pool.map(lambda image: self.classifier.label_of(image, self.asked), different.values())
            answers = dict(zip(different, labels, strict=True))
        return torch.stack([self._logits(answers[key]) for key in keys]).to(x0.device)

    def _logits(self, answer: str | None) -> torch.Tensor:
        if answer not in self.labels:
            return torch.full((len(self.labels),), torch.nan)
        return torch.tensor([float(label == answer) for label in self.labels])
