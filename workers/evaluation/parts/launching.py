"""Starts parts as jobs, here or on a cluster, by submitit; parts resume, so that jobs may die."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from robustify.errors import InvalidInputError, RobustifyError
from workers.evaluation.parts.part import Part

if TYPE_CHECKING:
    import submitit

LAUNCH_FOLDER = "launch"
"""In the folder of the parts: what submitit keeps of its jobs, and their logs."""
LOOK_SECONDS = 0.5
DAY_MINUTES = 24 * 60
FIELD = "launch"

RunPart = Callable[[Part], None]
"""What a job does. It is pickled, so it must be a function or an instance of a module."""


class Cluster(StrEnum):
    """Where jobs run."""

    LOCAL = "local"
    SLURM = "slurm"


@dataclass(frozen=True)
class PartJob:
    """One part as a job."""

    run: RunPart
    part: Part

    def __call__(self) -> None:
        self.run(self.part)

    def checkpoint(self) -> "submitit.helpers.DelayedSubmission":
        """What is to be done when the cluster takes the job's place or time away: the same, which goes on."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def launch(
    run: RunPart,
    parts: Sequence[Part],
    cluster: Cluster,
    folder: Path,
    options: Sequence[str] = (),
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Runs the parts and waits for all of them. Raises RobustifyError with those that failed.

    `options`: NAME=VALUE, as submitit's AutoExecutor takes them.
    """
    executor = executor_of(cluster, folder, options)
    waiting = [PartJob(run, part) for part in parts]
    at_once = len(parts) if cluster is Cluster.SLURM else min(len(parts), os.cpu_count() or 1)
    under_way: dict[Part, submitit.Job[None]] = {}
    failed: list[Part] = []
    try:
        while waiting or under_way:
            under_way |= submitted(
                executor, [waiting.pop(0) for _ in range(min(len(waiting), at_once - len(under_way)))]
            )
            ended = [part for part, job in under_way.items() if job.done()]
            failed += [part for part in ended if has_failed(under_way.pop(part))]
            on_progress(len(parts) - len(waiting) - len(under_way), len(parts))
            time.sleep(LOOK_SECONDS if not ended else 0)
    except BaseException:
        if cluster is Cluster.LOCAL:
            for job in under_way.values():
                job.cancel()
        raise
    if failed:
        raise failure(failed, folder)


def submitted(executor: "submitit.AutoExecutor", jobs: Sequence[PartJob]) -> dict[Part, "submitit.Job[None]"]:
    """Together, which Slurm has as one array of jobs."""
    if not jobs:
        return {}
    with executor.batch():
        found = [executor.submit(job) for job in jobs]
    return {job.part: handle for job, handle in zip(jobs, found, strict=True)}


def has_failed(job: "submitit.Job[None]") -> bool:
    """Whatever the reason: its log says it."""
    try:
        return job.exception() is not None
    except Exception:  # A job that left no result, since it was killed.
        return True


def failure(parts: Sequence[Part], folder: Path) -> RobustifyError:
    numbers = ", ".join(str(part.number) for part in sorted(parts))
    return RobustifyError(
        f"part {numbers} of {parts[0].of} failed: the logs in {folder / LAUNCH_FOLDER} say why; the same command goes "
        "on from there"
    )


def executor_of(cluster: Cluster, folder: Path, options: Sequence[str]) -> "submitit.AutoExecutor":
    """Raises InvalidInputError where submitit is not installed, there is no such cluster, or it has no such option."""
    if find_spec("submitit") is None:
        raise InvalidInputError("--launch needs submitit: pip install submitit", field=FIELD)
    import submitit

    given = {"timeout_min": DAY_MINUTES, "name": "robustify", **parsed(options)}
    try:
        executor = submitit.AutoExecutor(folder / LAUNCH_FOLDER, cluster=cluster.value)
        executor.update_parameters(**given)
    except (AssertionError, NameError, RuntimeError, TypeError, ValueError) as error:
        raise InvalidInputError(f"submitit does not take that: {error}", field="launch-option") from error
    return executor


def parsed(options: Sequence[str]) -> dict[str, int | str]:
    """Numbers as numbers, since submitit looks at their type."""
    found: dict[str, int | str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not (name and equals):
            raise InvalidInputError(f"{option!r} is not NAME=VALUE", field="launch-option")
        found[name] = int(value) if value.isdecimal() else value
    return found
