from pathlib import Path

import pytest

from robustify.errors import InvalidInputError
from workers.evaluation.data.dataset import samples_of
from workers.evaluation.data.names import Known
from workers.evaluation.data.reading import read_dataset

FILES = ("a.png", "in/b.png", "in/c.jpg", "d.png")


def table(folder: Path, text: str, name: str = "labels.csv") -> Path:
    (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("name", ["labels.csv", "metadata.csv"])
@pytest.mark.parametrize(
    "text",
    [
        "file_name,label\na.png,dog\nin/b.png,cat\nin/c.jpg,dog\n",
        "\ufefffilename;Class\r\na.png;dog\r\nin\\b.png;cat\r\n./in/c.jpg;dog\r\n",
        'path\tsize\tcategory\na.png\t1\tdog\nin/b.png\t2\t"cat"\nin/c.jpg\t3\tdog\n',
    ],
)
def test_table_names_files_and_labels(write, name: str, text: str) -> None:
    """In its own order, whatever separates its values; pictures that it does not name are counted."""
    dataset = read_dataset(table(write(*FILES), text, name), None, 32)

    assert dataset.class_names == ("cat", "dog")
    assert [(sample.file, sample.label) for sample in samples_of(dataset)] == [
        ("a.png", 1), ("in/b.png", 0), ("in/c.jpg", 1)
    ]  # fmt: skip
    assert all(sample.tensor is not None for sample in samples_of(dataset))
    (unnamed,) = [found for found in dataset.report.left_out if "table of labels" in found.reason]
    assert unnamed.names == ("d.png",)


def test_file_that_is_not_there_is_a_row(write) -> None:
    """So is one outside of the data set, which is not read."""
    folder = write("set/a.png", "outside.png") / "set"
    table(folder, "file,label\na.png,x\nno.png,y\n../outside.png,y\n")
    problems = [sample.problem for sample in samples_of(read_dataset(folder, None, 32))]

    assert problems[0] is None
    assert str(problems[1]).startswith("The file is not there")
    assert str(problems[2]).startswith("The file lies outside of the data set")


def test_numbers_are_sorted_as_numbers_and_named_by_a_list(write) -> None:
    """10 comes after 2; a classes.txt beside the table names them all."""
    folder = table(write(*FILES), "file,label\na.png,10\nin/b.png,2\nd.png,0\n")
    assert read_dataset(folder, None, 32).class_names == ("0", "2", "10")
    (folder / "classes.txt").write_text("\n".join(f"name {letter}" for letter in "abcdefghijk"))
    dataset = read_dataset(folder, None, 32)

    assert [dataset.class_names[label] for label in dataset.labels] == ["name k", "name c", "name a"]
    assert len(dataset.class_names) == 11


def test_labels_are_matched_with_known_classes_and_maps(write) -> None:
    """As folders are."""
    folder = table(write(*FILES), "file,label\na.png,T-shirt\nin/b.png,hen\n")
    (folder / "map.txt").write_text("T-shirt,cloth\nhen,bird")

    assert read_dataset(folder, None, 32, known=Known(("T-shirt", "hen"))).class_names == ("T-shirt", "hen")
    assert read_dataset(folder, None, 32, known=Known(class_map=folder / "map.txt")).class_names == ("cloth", "bird")


def test_splits_of_a_table(write) -> None:
    """A column `split`, or a folder with a table of its own; several are refused with their names."""
    folder = write("x/a.png", "x/b.png", "y/test/a.png", "y/test/b.png")
    table(folder / "x", "file,label,split\na.png,u,train\nb.png,v,train\na.png,v,test\nb.png,u,test\n")
    table(folder / "y" / "test", "file_name,label\na.png,u\nb.png,v\n", "metadata.csv")
    with pytest.raises(InvalidInputError, match="has the splits test, train: choose one with --split"):
        read_dataset(folder / "x", None, 32)
    with pytest.raises(InvalidInputError, match="no split 'val', but test, train"):
        read_dataset(folder / "x", "val", 32)

    assert list(read_dataset(folder / "x", "test", 32).labels) == [1, 0]
    assert list(read_dataset(folder / "y", "test", 32).labels) == [0, 1]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("file_name,breed\na.png,dog\n", "no column of labels: call one of file_name, breed label"),
        ("picture,label\na.png,dog\n", "no column of files"),
        ("file_name,label\nx/a.png,u\nx/b.png,v\n", "names 2 files, of which none is there: .*, as a.png"),
        ("file_name,label\na.png,\nin/b.png,x\n", "no label for 1 files: a.png"),
        ('file_name,label\n"a.png,dog\n', "no table"),
    ],
)
def test_table_that_does_not_fit_is_refused(write, text: str, match: str) -> None:
    """With the columns that it has, and what to do."""
    with pytest.raises(InvalidInputError, match=match):
        read_dataset(table(write(*FILES), text), None, 32)
