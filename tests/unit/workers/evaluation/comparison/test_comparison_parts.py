"""A comparison in parts: merged, it is the comparison; what is not whole is refused."""

import json
import shutil
from pathlib import Path

import pytest

from tests.command_line import Command, command_line
from tests.comparisons import ORACLE_CONFIG, without_methods, write_comparison
from workers.evaluation.comparison.document import ATTACKS, ROWS

robustify = pytest.fixture(command_line)

TEXT = without_methods(ORACLE_CONFIG, "absent")
IMAGES = 6


def digest_of(folder: Path) -> str:
    """Of all rows, without their times."""
    found: str = json.loads((folder / "summary.json").read_text())["digest"]
    return found


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROBUSTIFY_STATE_DIR", str(tmp_path / "state"))
    return write_comparison(tmp_path, TEXT, IMAGES)


def run_parts(robustify: Command, config: Path, output: Path, parts: int = 2) -> None:
    for number in range(1, parts + 1):
        done = robustify("compare", config, "--part", f"{number}/{parts}", "--output", output)
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_comparison_when_its_parts_are_merged(robustify: Command, config: Path, tmp_path: Path) -> None:
    """The digest of all rows and every adversarial image are those of one process; nothing is computed again."""
    run_parts(robustify, config, tmp_path / "parts", 4)
    merged = robustify("compare", config, "--merge", tmp_path / "parts", "--output", tmp_path / "merged", "--json")
    whole = robustify("compare", config, "--output", tmp_path / "whole", "--json")
    assert (merged.returncode, whole.returncode) == (0, 0), merged.stderr
    assert digest_of(tmp_path / "merged") == digest_of(tmp_path / "whole")
    images = [sorted((tmp_path / name / ATTACKS).rglob("*.npy")) for name in ("merged", "whole")]
    assert [path.read_bytes() for path in images[0]] == [path.read_bytes() for path in images[1]]
    assert len(images[0]) > IMAGES


@pytest.mark.slow
def test_comparison_when_a_part_is_not_whole(robustify: Command, config: Path, tmp_path: Path) -> None:
    """It is named; when it is run again, it goes on, and the rest is merged."""
    parts, merged = tmp_path / "parts", tmp_path / "merged"
    run_parts(robustify, config, parts)
    rows = sorted((parts / "part-2-of-2" / ROWS).glob("*.jsonl"))[0]
    whole = rows.read_bytes()
    rows.write_bytes(whole[:-5])
    done = robustify("compare", config, "--merge", parts, "--output", merged)
    assert (done.returncode, "part 2 of 2 is not finished" in done.stderr) == (2, True), done.stderr
    rows.unlink()
    done = robustify("compare", config, "--merge", parts, "--output", merged)
    assert (done.returncode, "part 2 of 2 is not finished" in done.stderr) == (2, True), done.stderr
    run_parts(robustify, config, parts)
    assert robustify("compare", config, "--merge", parts, "--output", merged).returncode == 0
    shutil.rmtree(parts / "part-1-of-2")
    done = robustify("compare", config, "--merge", parts, "--output", merged)
    assert (done.returncode, "part 1 of 2 is missing" in done.stderr) == (2, True), done.stderr


@pytest.mark.slow
def test_comparison_when_a_part_is_of_another(robustify: Command, config: Path, tmp_path: Path) -> None:
    """Of another file, of other data, or all of them of other settings than there are here: refused, not computed."""
    parts, merged = tmp_path / "parts", tmp_path / "merged"
    run_parts(robustify, config, parts)
    config.write_text(TEXT.replace("n = 100", "n = 101"))
    done = robustify("compare", config, "--merge", parts, "--output", merged)
    assert (done.returncode, "part 1/2 is of another file" in done.stderr) == (2, True), done.stderr
    config.write_text(TEXT)
    write_comparison(tmp_path, TEXT, IMAGES + 1)
    done = robustify("compare", config, "--merge", parts, "--output", merged)
    assert (done.returncode, "other settings, models, adaptations or data" in done.stderr) == (2, True), done.stderr
    robustify("compare", config, "--part", "2/2", "--output", parts)
    done = robustify("compare", config, "--merge", parts, "--output", tmp_path / "other")
    assert (done.returncode, "part 2/2 was run with other settings" in done.stderr) == (2, True), done.stderr


@pytest.mark.slow
def test_comparison_when_it_is_launched(robustify: Command, config: Path, tmp_path: Path) -> None:
    """Jobs compute the parts, and the report is there when the command ends."""
    pytest.importorskip("submitit")
    done = robustify("compare", config, "--launch", "local", "--parts", "2", "--output", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "index.html").exists()
    whole = robustify("compare", config, "--output", tmp_path / "whole")
    assert whole.returncode == 0
    assert digest_of(tmp_path / "run") == digest_of(tmp_path / "whole")
