"""Runs of `robustify attack` on the linear oracle: what is kept, and what can be trusted of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adapters.models.oracles import exact_margin
from adapters.settings import Settings
from robustify.errors import InvalidInputError, RobustifyError
from robustify.types import PredictTest, SmoothingParameters, Task
from workers.evaluation.attacks.attacker import Attack, Attacker
from workers.evaluation.attacks.beside_runs import evaluate_beside
from workers.evaluation.attacks.images import digest_of, kept_at, read_kept
from workers.evaluation.attacks.oracle_images import LABELS, OracleImages
from workers.evaluation.attacks.plan import AttackMethod, AttackMode, AttackPlan
from workers.evaluation.attacks.rows import AttackRow
from workers.evaluation.attacks.runs import attack_summary, run_attack
from workers.evaluation.attacks.transfer import KeptAttack
from workers.evaluation.data.dataset import Sample
from workers.evaluation.procedure import Procedure
from workers.evaluation.rows import row_source
from workers.evaluation.runs import Evaluation, evaluate

IMAGES = OracleImages(count=3, side=32)
PLAN = AttackPlan(AttackMethod.SMOOTH_ADV, AttackMode.STRONG, eps=0.3, steps=4, m=4)


def evaluation() -> Evaluation:
    parameters = SmoothingParameters(0.25, n0=50, n=100, alpha=0.001)
    settings, procedure = Settings(profile="oracle-linear", batch_size=50), Procedure(test=PredictTest.FIXED)
    return Evaluation(settings, Task(LABELS), "denoised", parameters, IMAGES.digest, procedure=procedure)


def attack(**changes: object) -> Attack:
    return replace(Attack(evaluation(), PLAN), **changes)  # type: ignore[arg-type]


def run(folder: Path, asked: Attack | None = None, count: int = 3) -> list[AttackRow]:
    chosen = asked or attack()
    kept = KeptAttack(folder.parent / "first") if chosen.source else None
    return run_attack(lambda: Attacker(chosen, kept), chosen.digest, replace(IMAGES, count=count), folder)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run."""
    folder = tmp_path_factory.mktemp("attacks") / "first"
    run(folder)
    return folder


def rows_of(folder: Path) -> list[AttackRow]:
    return [AttackRow.model_validate_json(line) for line in (folder / "rows.jsonl").read_text().splitlines()]


def test_rows_of_a_run(first: Path) -> None:
    """Each names its image, the answers and the work; the images are kept within the budget, and with their digests."""
    rows = rows_of(first)
    images = [read_kept(first, row) for row in rows]

    assert [row.label for row in rows] == [row.answer_before for row in rows] == [0, 1, 0]
    assert all(0.29 < row.distance <= 0.3 for row in rows)
    assert all(0 <= image.min() <= image.max() <= 1 and image.dtype == np.float32 for image in images)
    margins = [abs(exact_margin(IMAGES.image(row.index))) for row in rows]
    assert [row.is_robust for row in rows] == [False, False, True]
    assert margins == pytest.approx([0.1667, 0.3, 0.4333], abs=1e-3)
    assert all(kept_at(first, row.index).with_suffix(".png").exists() for row in rows)


def test_run_that_was_stopped(first: Path, tmp_path: Path) -> None:
    """It goes on where it was, past a line that was cut off, and ends with the rows of one run."""
    folder = tmp_path / "first"
    run(folder, count=3)
    lines = (folder / "rows.jsonl").read_text().splitlines(keepends=True)
    (folder / "rows.jsonl").write_text(lines[0] + lines[1][:50])
    again = run(folder)

    assert [row.image_sha256 for row in again] == [row.image_sha256 for row in rows_of(first)]
    assert len((folder / "rows.jsonl").read_text().splitlines()) == 3


def test_folder_of_another_run(first: Path) -> None:
    """It is not continued with other settings."""
    with pytest.raises(InvalidInputError, match="other settings"):
        run(first, attack(plan=replace(PLAN, eps=0.4)))


def test_image_that_was_changed(first: Path, tmp_path: Path) -> None:
    """It is refused: a row's digest names one image."""
    row = rows_of(first)[0]
    (tmp_path / "images").mkdir()
    np.save(kept_at(tmp_path, 0), np.zeros((3, 32, 32), dtype=np.float32))

    with pytest.raises(RobustifyError, match="not the one"):
        read_kept(tmp_path, row)


def test_transfer_to_the_same_classifier(first: Path) -> None:
    """The images are those of the other run, byte for byte, and are answered as they were there."""
    source = KeptAttack(first)
    rows = run(first.parent / "transferred", attack(plan=None, source=source.digest))
    before = rows_of(first)

    assert [row.image_sha256 for row in rows] == [row.image_sha256 for row in before]
    assert [row.votes_after for row in rows] == [row.votes_after for row in before]


def test_transfer_to_other_data(first: Path) -> None:
    """It is refused where the clean image is another: its attack says nothing of this one."""
    sample = Sample(0, IMAGES.image(1), 1, "other", "")

    with pytest.raises(InvalidInputError, match="not attacked there"):
        KeptAttack(first)(sample)


def test_evaluation_beside_an_attack(first: Path, tmp_path: Path) -> None:
    """Certified accuracy at the attack's distance is at most the robust accuracy, and there is no alarm."""
    certified = replace(evaluation(), procedure=Procedure())
    rows_file = tmp_path / "rows.jsonl"
    summary = evaluate(certified, 3, rows_file, row_source(certified, IMAGES))
    found = evaluate_beside(certified, summary, IMAGES, rows_file, first).attack

    assert found.images == 3
    assert found.alarms == ()
    assert found.certified_accuracy <= found.robust_accuracy <= found.clean_accuracy
    assert not rows_file.with_suffix(".alarms").exists()


def test_evaluation_whose_certificate_is_false(first: Path, tmp_path: Path) -> None:
    """The attack contradicts it: an alarm is raised, and kept with its image."""
    certified = replace(evaluation(), procedure=Procedure())
    rows_file = tmp_path / "rows.jsonl"
    summary = evaluate(certified, 3, rows_file, row_source(certified, IMAGES))
    rows = [json.loads(line) for line in rows_file.read_text().splitlines()]
    rows_file.write_text("".join(json.dumps({**row, "radius": 0.5}) + "\n" for row in rows))
    found = evaluate_beside(certified, summary, IMAGES, rows_file, first).attack

    assert [alarm.index for alarm in found.alarms] == [0]
    image = np.load(rows_file.with_suffix(".alarms") / "images" / "000000.npy")
    assert digest_of(image) == found.alarms[0].image_sha256
    kept = json.loads((rows_file.with_suffix(".alarms") / "000000.json").read_text())
    assert (kept["certified"], kept["answered"], kept["radius"]) == (0, 1, 0.5)


def test_file_that_cannot_be_used(tmp_path: Path) -> None:
    """It has a row that says why, and is not among the figures."""
    sample = Sample(0, None, 1, "broken.png", "", problem="The file is damaged.")
    row, image = Attacker(attack()).row(sample)
    summary = attack_summary([row, *rows_with(robust=1, fallen=1)])

    assert (row.problem, image) == ("The file is damaged.", None)
    assert (summary.images, summary.unusable, summary.robust_accuracy) == (3, 1, 0.5)


def rows_with(robust: int, fallen: int) -> list[AttackRow]:
    return [
        AttackRow(index=1, file="", sha256="", label=0, answer_before=0, answer_after=after, attacked=True, run="")
        for after in [0] * robust + [1] * fallen
    ]


def test_accuracies_when_predict_abstains() -> None:
    """Before the attack the base classifier is asked, as the paper does; afterwards an abstention is a defeat."""
    common = {"index": 0, "file": "", "sha256": "", "label": 1, "run": ""}
    asked_base = AttackRow(**common, answer_before=None, base_answer=1)
    silenced = AttackRow(**common, answer_before=1, attacked=True, answer_after=None)
    summary = attack_summary([asked_base, silenced])

    assert (summary.clean_accuracy, summary.answered_accuracy, summary.robust_accuracy) == (1.0, 0.5, 0.0)
    assert (summary.silenced, summary.fallen) == (1, 0)
