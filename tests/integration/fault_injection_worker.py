"""A real worker whose models fail on demand: forked, or `python fault_injection_worker.py --batch-seconds 0.1`."""

import argparse
import time
from dataclasses import dataclass

import torch

from adapters.models.oracles import LinearOracle
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from robustify.smoothing.votes import BaseClassifier
from robustify.types import Task
from workers.log import configure_logging
from workers.wiring import serve

FAR_DIGITS = 1 << 16


@dataclass(frozen=True)
class FaultyOracle:
    """The linear oracle, slower by `batch_seconds` a batch, with NaN logits for a share of the samples."""

    nan_share: float = 0.0
    batch_seconds: float = 0.0
    error: bool = False

    def base_classifier(self, task: Task, sigma: float) -> BaseClassifier:
        return self.classify

    def classify(self, noisy: torch.Tensor) -> torch.Tensor:
        time.sleep(self.batch_seconds)
        if self.error:
            raise RuntimeError("the model is broken")
        logits = LinearOracle(torch.device("cpu"))(noisy)
        lot = (noisy[:, 0, 0, 0].double() * FAR_DIGITS).remainder(1)
        fails = lot < self.nan_share
        logits[fails] = torch.nan
        return logits


def work(settings: Settings, oracle: FaultyOracle) -> None:
    configure_logging(settings.log_level)
    torch.set_num_threads(1)
    profile = find_profile(settings.profile)
    serve(settings, profile, engine_digest(profile, settings), oracle)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-seconds", type=float, default=0.0)
    work(Settings(), FaultyOracle(batch_seconds=parser.parse_args().batch_seconds))


if __name__ == "__main__":
    main()
