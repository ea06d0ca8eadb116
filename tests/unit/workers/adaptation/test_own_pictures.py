"""An adaptation to pictures of the user's: no generator is asked, and what is learned and judged are these pictures."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState

from adapters.contract.adapt import SYNTHESIZE, AdaptParameters, adapt_request
from adapters.contract.adapt_cost import cost_of
from adapters.models.training.own_references import OwnReferences, Wanted, find_pictures, read_own_references
from adapters.models.training.references import png_bytes
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from adapters.store.adaptations import AdaptationStore
from adapters.store.adapting import work_folder
from adapters.store.tasks import TaskStore
from workers.adaptation import report
from workers.adaptation.runner import adapt
from workers.adaptation.stages import Progress

MINI = find_profile("mini")
LABELS = ("cat", "dog")
SMALL = {"steps": 1, "batch_size": 2, "rank": 2, "fine_tuning_steps": 1, "fine_tuning_batch_size": 2}


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """So few that nothing can be certified; and accelerate as it is when a process starts."""
    monkeypatch.setattr(report, "SELECTION_SAMPLES", 2)
    monkeypatch.setattr(report, "ESTIMATION_SAMPLES", 5)
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def own(tmp_path: Path) -> OwnReferences:
    generator = torch.Generator().manual_seed(0)
    for label, count in zip(LABELS, (3, 4), strict=True):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        for number in range(count):
            content = png_bytes(torch.rand(3, 32, 32, generator=generator))
            (tmp_path / "pictures" / label / f"{number}.png").write_bytes(content)
    wanted = Wanted(shots=None, held_back=None, most_held_back=4, seed=0)
    return read_own_references(find_pictures(tmp_path / "pictures", None), MINI, wanted, 2**20)


@pytest.mark.slow
def test_adaptation_to_pictures(own: OwnReferences, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its version says of each picture what it shows and whether it was held back; its files are those pictures."""
    monkeypatch.setattr("adapters.models.training.workshop.load_cascade", None)
    settings, told = Settings(state_dir=tmp_path / "state"), list[Progress]()
    parameters = AdaptParameters.model_validate({"name": "pets", "labels": [*LABELS], **SMALL, "publish": "always"})
    sized = parameters.model_copy(update={"shots": own.shots, "held_back": own.held_back})
    request = adapt_request(sized, MINI, settings)
    made = adapt(request, MINI, settings, "job", told.append, own)
    stored = AdaptationStore(settings.state.adaptations).get(str(made.digest))
    references = stored.references

    assert TaskStore(settings.state.tasks).find("pets").version().adaptation == made.digest
    assert [(found.label, found.shot, found.held_back) for found in references] == [
        *(("cat", 0, False), ("dog", 0, False), ("cat", 1, False), ("dog", 1, False), ("dog", 2, False)),
        *(("cat", 3, True), ("dog", 3, True)),
    ]
    for reference, image in zip(references, own.images, strict=True):
        assert (stored.folder / "references" / reference.file).read_bytes() == png_bytes(image)
    assert made.figures is not None
    assert {found.images for found in made.figures.before} == {2}
    assert SYNTHESIZE not in {progress.stage for progress in told}
    assert (told[-1].done, told[-1].total) == (10, 10)


def test_work_and_cost_of_pictures(own: OwnReferences, tmp_path: Path) -> None:
    """Other pictures are other work for the same request, and nothing is to be paid for making them."""
    request = adapt_request(AdaptParameters(name="pets", labels=[*LABELS]), MINI, Settings(state_dir=tmp_path))
    other = own.images.clone()
    other[0] = 0
    changed = OwnReferences(own.plan, other, own.shots, own.held_back, 0, 0, own.pictures)
    folders = {work_folder(request, Settings(), digest) for digest in ("", own.digest, changed.digest)}

    assert len(folders) == 3
    assert cost_of(request, MINI, synthesizes=False).stages[SYNTHESIZE] == 0
    assert np.isclose(
        cost_of(request, MINI).work_samples - cost_of(request, MINI, synthesizes=False).work_samples,
        cost_of(request, MINI).stages[SYNTHESIZE],
    )
