import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from robustify.errors import InvalidInputError
from tests.pictures import encoded, pixels
from workers.evaluation.data.dataset import Dataset, samples_of
from workers.evaluation.data.reading import read_dataset


def shard(path: Path, members: Sequence[tuple[str, bytes]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as opened:
        for name, data in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            opened.addfile(entry, io.BytesIO(data))


def picture(seed: int) -> bytes:
    return encoded(pixels(8, 8, seed))


def samples(first: int, count: int) -> list[tuple[str, bytes]]:
    """Two files each, with labels 10, 11, 12, 10, ..."""
    return [
        member
        for number in range(first, first + count)
        for member in ((f"s/{number:04}.png", picture(number)), (f"s/{number:04}.cls", str(10 + number % 3).encode()))
    ]


def left_out(dataset: Dataset) -> dict[str, int]:
    return {found.reason: found.count for found in dataset.report.left_out}


def test_shards_are_read_where_they_lie(tmp_path: Path) -> None:
    """In the order of shards and members, without extracting; labels that are numbers are sorted as such."""
    shard(tmp_path / "set-000.tar", samples(0, 3))
    shard(tmp_path / "set-001.tar", samples(3, 2))
    dataset = read_dataset(tmp_path, None, 8)
    found = list(samples_of(dataset))

    assert dataset.class_names == ("10", "11", "12")
    assert [sample.label for sample in found] == [0, 1, 2, 0, 1]
    assert found[3].file == "set-001.tar/s/0003.png"
    assert all(sample.tensor is not None for sample in found)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set-000.tar", "set-001.tar"]
    assert dataset.report.left_out == ()


def test_names_beside_the_shards(tmp_path: Path) -> None:
    """A classnames.txt names the numbers, of the split's folder or of the whole set."""
    shard(tmp_path / "test" / "0.tar", samples(0, 3))
    (tmp_path / "classnames.txt").write_text("\n".join(f"name {number}" for number in range(13)))
    dataset = read_dataset(tmp_path, "test", 8)

    assert [dataset.class_names[label] for label in dataset.labels] == ["name 10", "name 11", "name 12"]


def test_labels_in_json_and_samples_of_one_file(tmp_path: Path) -> None:
    """A `label` in JSON counts; what lacks the one or the other is named, and so is what macOS adds."""
    members = [
        ("a.jpg", encoded(pixels(8, 8), "JPEG")),
        ("a.json", json.dumps({"label": "cat", "width": 8}).encode()),
        ("b.png", picture(1)),
        ("b.cls", b"dog\n"),
        ("c.png", picture(2)),
        ("c.json", b'{"width": 8}'),
        ("d.cls", b"cat"),
        ("._b.png", b"\0\5\26\7"),
    ]
    shard(tmp_path / "all.tar", members)
    dataset = read_dataset(tmp_path, None, 8)

    assert dataset.class_names == ("cat", "dog")
    assert left_out(dataset) == {
        "image without a label": 1, "label without an image": 1, "hidden, or made by a system": 1
    }  # fmt: skip


@pytest.mark.parametrize("damage", ["cut in the data", "cut at a header", "a header of noise"])
def test_damaged_shard_is_named(tmp_path: Path, damage: str) -> None:
    """What comes before the damage is read, and the other shards; nothing is left out without a word."""
    shard(tmp_path / "set-0.tar", samples(0, 4))
    shard(tmp_path / "set-1.tar", samples(4, 2))
    with tarfile.open(tmp_path / "set-0.tar") as opened:
        third = opened.getmember("s/0002.png")
    data = bytearray((tmp_path / "set-0.tar").read_bytes())
    if damage == "a header of noise":
        data[third.offset : third.offset + 512] = pixels(1, 171).tobytes()[:512]
    else:
        del data[third.offset_data + 10 if damage == "cut in the data" else third.offset :]
    (tmp_path / "set-0.tar").write_bytes(data)
    dataset = read_dataset(tmp_path, None, 8)
    read = [sample.file for sample in samples_of(dataset) if sample.tensor is not None]

    assert read == ["set-0.tar/s/0000.png", "set-0.tar/s/0001.png", "set-1.tar/s/0004.png", "set-1.tar/s/0005.png"]
    assert left_out(dataset)["tar shard that is cut off or damaged: what follows in it is not read"] == 1


def test_compressed_shards_are_refused(tmp_path: Path) -> None:
    """Nothing could be read from its place in them; it is said what to do."""
    shard(tmp_path / "set-0.tar", samples(0, 4))
    (tmp_path / "set-0.tar").rename(tmp_path / "set-0.tar.gz")
    with pytest.raises(InvalidInputError, match=r"set-0\.tar\.gz is compressed"):
        read_dataset(tmp_path, None, 8)


def test_splits_of_shards(tmp_path: Path) -> None:
    """Folders, or the names in front of numbers; several are refused with their names."""
    shard(tmp_path / "train-0.tar", samples(0, 3))
    shard(tmp_path / "test-0.tar", samples(3, 3))
    with pytest.raises(InvalidInputError, match="has the splits test, train: choose one with --split"):
        read_dataset(tmp_path, None, 8)

    assert read_dataset(tmp_path, "test", 8).sample(0).file == "test-0.tar/s/0003.png"
