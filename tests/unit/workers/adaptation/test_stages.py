"""The stages of an adaptation with the bundled models: stopped anywhere, they end with the same files."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from adapters.contract.adapt import AdaptParameters, adapt_request, stage_steps
from adapters.contract.jobs import AdaptRequest
from adapters.models.generators.cascade import Sampling
from adapters.models.training.workshop import Workshop
from adapters.profiles.library import find_profile
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from adapters.store.adaptations import CLASSIFIER, LORA, PROMPT, REFERENCES, AdaptationStore
from robustify.interfaces import ImageGenerator
from workers.adaptation import report
from workers.adaptation.stages import AdaptationRun, Progress

IMAGES = {"cat": 0.2, "dog": 0.8}


@dataclass(frozen=True)
class PicturesOfNoise(Workshop):
    """A workshop whose generator needs no weights: dark or bright noise, as the prompt says."""

    made: list[str]

    def generator(self, sampling: Sampling) -> ImageGenerator:  # type: ignore[override]
        def generate(
            prompts: Sequence[str], generators: Sequence[torch.Generator], on_step: Callable[[], None]
        ) -> torch.Tensor:
            on_step()
            self.made.extend(prompts)
            noise = torch.stack([torch.rand(3, 32, 32, generator=generator) for generator in generators])
            return noise / 4 + torch.tensor([IMAGES[prompt.split()[-1]] for prompt in prompts]).view(-1, 1, 1, 1)

        return generate


@pytest.fixture(scope="module")
def profile() -> Profile:
    mini = find_profile("mini")
    return replace(mini, batch_size=5, adaptation=replace(mini.adaptation, images_per_batch=3))


@pytest.fixture(scope="module")
def workshop(profile: Profile) -> PicturesOfNoise:
    return PicturesOfNoise(profile, Settings(), [])


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """So few that nothing can be certified; and accelerate as it is when a process starts."""
    monkeypatch.setattr(report, "SELECTION_SAMPLES", 2)
    monkeypatch.setattr(report, "ESTIMATION_SAMPLES", 5)
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def request_of(profile: Profile, **values: int) -> AdaptRequest:
    small = {"shots": 2, "held_back": 1, "steps": 2, "batch_size": 2, "rank": 2}
    classifier = {"fine_tuning_steps": 1, "fine_tuning_batch_size": 2}
    asked = {"name": "pets", "labels": list(IMAGES), **small, **classifier, **values}
    return adapt_request(AdaptParameters.model_validate(asked), profile, Settings())


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_run_when_it_is_stopped_again_and_again(workshop: PicturesOfNoise, profile: Profile, tmp_path: Path) -> None:
    """At each of its steps, in every stage: the files are those of an undisturbed run, and no image is made twice."""
    request, told = request_of(profile), list[Progress]()
    whole = AdaptationRun(request, workshop, tmp_path / "whole", told.append).run()
    workshop.made.clear()
    stopped_in, made = list[str](), None
    while made is None and len(stopped_in) < len(told):
        try:
            # Later and later, since what was done is told again in a few calls.
            made = AdaptationRun(request, workshop, tmp_path / "cut", stop_at_call(len(stopped_in) + 1)).run()
        except InterruptedError as stop:
            stopped_in.append(stop.args[0])

    assert made
    assert set(stopped_in) == {progress.stage for progress in told} == set(stage_steps(request))
    assert files(made) == files(whole)
    assert len(workshop.made) == 6
    assert {LORA, PROMPT, CLASSIFIER, "report.json", "references.png", "denoised.png"} < set(files(made))


def stop_at_call(wanted: int) -> Callable[[Progress], None]:
    calls: list[Progress] = []

    def on_progress(progress: Progress) -> None:
        if len(calls) == wanted:
            raise InterruptedError(progress.stage)
        calls.append(progress)

    return on_progress


@pytest.fixture(scope="module")
def finished(workshop: PicturesOfNoise, profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> AdaptationRun:
    """A run of the denoiser's stages alone; the two patches of the other fixture hold for one test."""
    request = request_of(profile, fine_tuning_steps=0)
    return AdaptationRun(request, workshop, tmp_path_factory.mktemp("run"), lambda progress: None)


@pytest.mark.slow
def test_progress_when_a_run_goes_on(finished: AdaptationRun) -> None:
    """Steps of all stages together, never back, from none to all of them; a stage without steps is left out."""
    told = list[Progress]()
    replace(finished, on_progress=told.append).run()
    totals = stage_steps(finished.request)

    assert [progress.done for progress in told] == sorted(progress.done for progress in told)
    assert (told[0].done, told[-1].done) == (0, sum(totals.values()))
    assert {progress.total for progress in told} == {sum(totals.values())}
    assert {progress.stage for progress in told} == {name for name, steps in totals.items() if steps}
    assert not (finished.made / CLASSIFIER).exists()


@pytest.mark.slow
def test_report_when_a_run_is_done(finished: AdaptationRun, tmp_path: Path) -> None:
    """Figures at both noise levels before and after, the losses, and what each reference shows, in the store too."""
    made = finished.run()
    written = json.loads((made / "report.json").read_text())
    stored = AdaptationStore(tmp_path).add(made, finished.request.models, finished.about())

    assert stored.figures is not None
    assert [figures["sigma"] for figures in written["before"]] == [0.25, 0.5]
    assert [figures["images"] for figures in written["after"]] == [2, 2]
    assert all(0 <= figures["accuracy"] <= 1 for figures in (*written["before"], *written["after"]))
    assert written["no_worse"] is stored.figures.no_worse
    assert [entry["step"] for entry in written["losses"]["personalize"]] == [2]
    assert written["losses"]["fine-tune"] == []
    names = {entry.file for entry in stored.references}
    assert names == {path.name for path in (stored.folder / REFERENCES).iterdir()}
    assert sum(entry.held_back for entry in stored.references) == 2


def test_run_that_is_asked_for_again(finished: AdaptationRun, workshop: PicturesOfNoise) -> None:
    """Nothing is made anew."""
    finished.run()
    before, made = files(finished.folder), len(workshop.made)
    finished.run()

    assert files(finished.folder) == before
    assert len(workshop.made) == made
