"""Parts of an evaluation, written, killed, resumed and merged: the file of one process, or a refusal."""

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest

from adapters.settings import Settings
from robustify.errors import InvalidInputError
from robustify.types import SmoothingParameters, Task
from workers.evaluation.parts.merging import merge_parts
from workers.evaluation.parts.part import Part, all_parts
from workers.evaluation.parts.untimed import untimed
from workers.evaluation.parts.writing import write_part
from workers.evaluation.runs import UNREADABLE, Evaluation, Row, evaluate

IMAGES = 23


def evaluation(dataset: str = "digest", n: int = 100) -> Evaluation:
    parameters = SmoothingParameters(0.25, n0=10, n=n, alpha=0.001)
    return Evaluation(Settings(profile="oracle-linear"), Task(("a", "b")), "denoised", parameters, dataset)


def rows(run: Evaluation, indices: list[int], most: int = IMAGES) -> Iterable[Row]:
    """Rows that say nothing but their number, each with another time; one image cannot be read."""
    for index in indices[:most]:
        values = {"index": index, "label": index % 2, "answer": index % 2, "radius": index / 7, "file": f"ü{index}.png"}
        problem = {"outcome": UNREADABLE, "problem": "It is empty."} if index == 5 else {"outcome": "certified"}
        yield Row.model_validate({**values, **problem, "seconds": time.perf_counter(), "run": run.digest})


def source(run: Evaluation, most: int = IMAGES) -> Callable[[list[int]], Iterable[Row]]:
    return untimed(partial(rows, run, most=most))


def written(folder: Path, parts: int = 4, run: Evaluation | None = None) -> Path:
    """A folder with all parts."""
    found = run or evaluation()
    for part in all_parts(parts):
        write_part(found, part, IMAGES, folder, source(found))
    return folder


def one_process(folder: Path) -> bytes:
    run = evaluation()
    evaluate(run, IMAGES, folder / "whole.jsonl", source(run))
    return (folder / "whole.jsonl").read_bytes()


@pytest.mark.parametrize("parts", [1, 4, 23, 30])
def test_parts_when_they_are_merged(tmp_path: Path, parts: int) -> None:
    """The file is byte for byte that of one process, and its figures are the same."""
    merge_parts([written(tmp_path / "parts", parts)], evaluation().digest, IMAGES, tmp_path / "merged.jsonl")
    assert (tmp_path / "merged.jsonl").read_bytes() == one_process(tmp_path)
    summaries = [evaluate(evaluation(), IMAGES, tmp_path / name, never) for name in ("merged.jsonl", "whole.jsonl")]
    assert summaries[0] == summaries[1]
    assert summaries[0].images == IMAGES - 1


def never(indices: list[int]) -> Iterable[Row]:
    raise AssertionError("nothing is missing")


def test_part_when_it_was_killed_in_a_line(tmp_path: Path) -> None:
    """It goes on with that row, and computes none again; until then it is not merged."""
    folder, run, part, asked = written(tmp_path / "parts"), evaluation(), Part(2, 4), list[int]()
    path = part.file_in(folder)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"\n") + 20])
    with pytest.raises(InvalidInputError, match="part 2 of 4 is not finished: run it again"):
        merge_parts([folder], run.digest, IMAGES, tmp_path / "merged.jsonl")
    assert not (tmp_path / "merged.jsonl").exists()

    def counting(indices: list[int]) -> Iterable[Row]:
        asked.extend(indices)
        return source(run)(indices)

    found = write_part(run, part, IMAGES, folder, counting)
    assert asked == [5, 9, 13, 17, 21]
    assert (found.images, found.unreadable, found.part) == (5, 1, "2/4")
    assert path.read_bytes() == whole


def test_parts_when_they_lie_in_several_folders(tmp_path: Path) -> None:
    """Hosts without a disk in common have a folder each."""
    run = evaluation()
    folders = [tmp_path / str(part.number) for part in all_parts(3)]
    for part, folder in zip(all_parts(3), folders, strict=True):
        write_part(run, part, IMAGES, folder, source(run))
    merge_parts(folders[::-1], run.digest, IMAGES, tmp_path / "merged.jsonl")
    assert (tmp_path / "merged.jsonl").read_bytes() == one_process(tmp_path)


def spoil_a_row(folder: Path) -> None:
    """Two rows of a part in the other order: somebody sorted the file, or two wrote into it."""
    path = Part(3, 4).file_in(folder)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[1], lines[0], *lines[2:]]))


def double_a_row(folder: Path) -> None:
    path = Part(3, 4).file_in(folder)
    path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[-1])


def damage_a_row(folder: Path) -> None:
    path = Part(3, 4).file_in(folder)
    path.write_bytes(b"\xff{}" + path.read_bytes()[3:])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: Part(3, 4).file_in(folder).unlink(), "part 3 of 4 is missing: name its folder too"),
        (lambda folder: written(folder, 2), "the parts are of 2, 4 parts: merge those of one number at a time"),
        (lambda folder: written(folder / "again"), None),
        (lambda folder: Part(3, 4).file_in(folder).write_bytes(b""), "part 3 of 4 is not finished"),
        (spoil_a_row, "is about image 6, and part 3/4 has image 2 there"),
        (double_a_row, "part 3 of 4 has more rows than images"),
        (damage_a_row, "line 1 of .* is no row: run part 3/4 again"),
    ],
)
def test_parts_when_they_are_not_the_whole(tmp_path: Path, spoil: Callable[[Path], object], said: str | None) -> None:
    """What is wrong is said by part, and nothing is written; what lies in a folder of its own is not looked at."""
    folder, output = written(tmp_path / "parts"), tmp_path / "merged.jsonl"
    spoil(folder)
    if said is None:
        return merge_parts([folder], evaluation().digest, IMAGES, output)
    with pytest.raises(InvalidInputError, match=said):
        merge_parts([folder], evaluation().digest, IMAGES, output)
    assert list(tmp_path.iterdir()) == [folder]


def test_part_when_it_is_there_twice(tmp_path: Path) -> None:
    """Which of the two is right cannot be known."""
    folders = [written(tmp_path / name) for name in ("one", "other")]
    with pytest.raises(InvalidInputError, match="part 1, 2, 3, 4 is there more than once"):
        merge_parts(folders, evaluation().digest, IMAGES, tmp_path / "merged.jsonl")


@pytest.mark.parametrize("other", [evaluation(n=101), evaluation(dataset="another")])
def test_part_when_it_was_run_with_other_settings(tmp_path: Path, other: Evaluation) -> None:
    """Its rows are of another function, or of other images: it is named, and nothing is merged."""
    folder = written(tmp_path / "parts")
    Part(3, 4).file_in(folder).unlink()
    write_part(other, Part(3, 4), IMAGES, folder, source(other))
    with pytest.raises(InvalidInputError, match="part 3/4 in .* was run with other settings, or on other data"):
        merge_parts([folder], evaluation().digest, IMAGES, tmp_path / "merged.jsonl")


def test_output_when_it_is_of_another_run(tmp_path: Path) -> None:
    """It is left as it is; one of the same run, which may be a part of it, is replaced."""
    folder, output = written(tmp_path / "parts"), tmp_path / "merged.jsonl"
    evaluate(evaluation(n=101), 2, output, source(evaluation(n=101)))
    before = output.read_bytes()
    with pytest.raises(InvalidInputError, match="holds a run with other settings"):
        merge_parts([folder], evaluation().digest, IMAGES, output)
    assert output.read_bytes() == before
    output.unlink()
    evaluate(evaluation(), 2, output, source(evaluation()))
    merge_parts([folder], evaluation().digest, IMAGES, output)
    assert output.read_bytes() == one_process(tmp_path)


def test_folder_when_it_has_no_parts(tmp_path: Path) -> None:
    """It is named."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInputError, match="empty has no part-I-of-N.jsonl"):
        merge_parts([tmp_path / "empty"], "0" * 16, IMAGES, tmp_path / "merged.jsonl")


def write_slowly(folder: Path) -> None:
    """In a process of its own: one row, and then it waits to be killed."""
    run = evaluation()

    def slow(indices: list[int]) -> Iterable[Row]:
        for row in source(run)(indices):
            yield row
            time.sleep(60)

    write_part(run, Part(1, 4), IMAGES, folder, slow)


@pytest.mark.slow
def test_part_when_two_processes_have_it(tmp_path: Path) -> None:
    """The second one waits, says so, and goes on when the first is gone: no row is written twice."""
    folder, said = tmp_path / "parts", list[str]()
    first = multiprocessing.get_context("spawn").Process(target=write_slowly, args=(folder,))
    first.start()
    path = Part(1, 4).file_in(folder)
    while not path.exists() or not path.stat().st_size:
        time.sleep(0.05)

    def say(text: str) -> None:
        said.append(text)
        assert first.pid is not None
        os.kill(first.pid, 9)

    write_part(evaluation(), Part(1, 4), IMAGES, folder, source(evaluation()), say=say)
    first.join()
    assert said == ["another process writes part 1/4: waiting for it"]
    found = [json.loads(line)["index"] for line in path.read_text(encoding="utf-8").splitlines()]
    assert found == list(range(0, IMAGES, 4))
