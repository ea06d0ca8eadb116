import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robustify.errors import InvalidInputError
from tests.pictures import encoded, pixels
from workers.evaluation.data.dataset import samples_of
from workers.evaluation.data.names import Known
from workers.evaluation.data.parquet import read_group
from workers.evaluation.data.reading import read_dataset


def write_parquet(
    path: Path, labels: list[object], names: list[str] | None = None, damaged: int | None = None, rows: int = 2
) -> None:
    """As Hugging Face's library writes it, with so many rows a group."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [
        {"bytes": b"no picture" if number == damaged else encoded(pixels(8, 8, number)), "path": f"{number}.png"}
        for number in range(len(labels))
    ]
    table = pa.table({"image": images, "label": labels})
    if names:
        features = {"label": {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path, row_group_size=rows)


def test_rows_are_images_and_labels_have_the_names_of_the_file(tmp_path: Path) -> None:
    """Of all files in order, whatever the groups; a row without a label is left out, and a damaged image says so."""
    write_parquet(tmp_path / "data" / "test-00000-of-00002.parquet", [1, 0, 1], ["cat", "T-shirt", "ship"], damaged=2)
    write_parquet(tmp_path / "data" / "test-00001-of-00002.parquet", [0, -1, 1], ["cat", "T-shirt", "ship"])
    dataset = read_dataset(tmp_path, None, 8)
    found = list(samples_of(dataset))

    assert dataset.class_names == ("cat", "T shirt", "ship")
    assert [sample.label for sample in found] == [1, 0, 1, 0, 1]
    assert [sample.tensor is None for sample in found] == [False, False, True, False, False]
    assert found[0].file == "data/test-00000-of-00002.parquet#0"
    assert {entry.reason: entry.count for entry in dataset.report.left_out} == {"row without a label": 1}
    assert read_dataset(tmp_path, None, 8, known=Known(("T-shirt", "cat", "ship"))).class_names[1] == "T-shirt"
    assert read_group.cache_info().maxsize == 1


def test_labels_without_names_are_their_own(tmp_path: Path) -> None:
    """Numbers are sorted as such; texts are names."""
    write_parquet(tmp_path / "a" / "x.parquet", [10, 2, 10])
    write_parquet(tmp_path / "b" / "x.parquet", ["dog", "cat", "dog"])

    assert read_dataset(tmp_path / "a", None, 8).class_names == ("2", "10")
    assert list(read_dataset(tmp_path / "b", None, 8).labels) == [1, 0, 1]


def test_splits_of_parquet_files(tmp_path: Path) -> None:
    """By the beginning of the file's name; several are refused with their names."""
    for name in ("train", "test"):
        write_parquet(tmp_path / f"{name}-00000-of-00001.parquet", [0, 1], ["cat", "dog"])
    for split in (None, "val"):
        with pytest.raises(InvalidInputError, match="has the splits test, train: choose one with --split"):
            read_dataset(tmp_path, split, 8)

    assert len(read_dataset(tmp_path, "test", 8)) == 2


def test_damaged_file_is_named(tmp_path: Path) -> None:
    """The others are read; where there is none, that is one clear error."""
    write_parquet(tmp_path / "test-0.parquet", [0, 1], ["cat", "dog"])
    (tmp_path / "test-1.parquet").write_bytes(b"PAR1 nothing")
    dataset = read_dataset(tmp_path, None, 8)

    assert len(dataset) == 2
    assert dataset.report.left_out[0].names == ("test-1.parquet",)
    (tmp_path / "test-0.parquet").unlink()
    with pytest.raises(InvalidInputError, match="no parquet file that can be read"):
        read_dataset(tmp_path, None, 8)


def test_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    """With the columns that it has."""
    pq.write_table(pa.table({"picture": [b""], "label": [0]}), tmp_path / "x.parquet")
    with pytest.raises(InvalidInputError, match="no column image, but picture, label"):
        read_dataset(tmp_path, None, 8)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no part of the usual installation."""
    write_parquet(tmp_path / "x.parquet", [0, 1])
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(InvalidInputError, match="pip install pyarrow"):
        read_dataset(tmp_path, None, 8)
