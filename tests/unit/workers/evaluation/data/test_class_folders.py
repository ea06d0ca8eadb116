"""The folders of `../shared/cases` are of these kinds; each has the outcome that its table says."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adapters.images import Preprocessing, ResizeMode, canonicalise
from adapters.profiles.profile import read_class_names
from robustify.errors import InvalidInputError
from tests.pictures import encoded, pixels
from workers.evaluation.data.dataset import ClassOfFolder, Dataset, LeftOut, samples_of, stacked
from workers.evaluation.data.names import Known
from workers.evaluation.data.reading import read_dataset

EXAMPLES = Path(__file__).parents[4] / "data" / "cifar10"
FOUR = ("cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png")


def files_of(dataset: Dataset) -> list[str]:
    return sorted(sample.file for sample in samples_of(dataset))


def left_out(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    return {found.reason: found.names for found in dataset.report.left_out}


def test_class_folders_name_their_classes() -> None:
    """Each folder is a class, in alphabetical order; each has its turn, with its images in alphabetical order."""
    dataset = read_dataset(EXAMPLES, None, 32)
    second_cat = sorted((EXAMPLES / "cat").iterdir())[1]
    sample = dataset.sample(13)

    assert len(dataset) == 50
    assert dataset.class_names[0] == "airplane"
    assert list(dataset.labels) == [*range(10)] * 5
    assert sample.file == f"cat/{second_cat.name}"
    assert sample.tensor is not None
    assert np.array_equal(sample.tensor, canonicalise(second_cat.read_bytes(), 32).tensor)
    assert sample.sha256 == canonicalise(second_cat.read_bytes(), 32).source_sha256


@pytest.mark.parametrize("mode", list(ResizeMode))
def test_class_folders_when_the_profile_has_a_resize_mode(mode: ResizeMode) -> None:
    """Pictures are the tensors that the service would make of them."""
    dataset = read_dataset(EXAMPLES, None, 24, limit=1, preprocessing=Preprocessing(mode))
    first = sorted((EXAMPLES / "airplane").iterdir())[0].read_bytes()

    assert np.array_equal(stacked(dataset)[0], canonicalise(first, 24, Preprocessing(mode)).tensor)


def test_numbered_folders_are_sorted_by_number(write) -> None:
    """Folder 10 comes after folder 2, and it is said that numbers are no names."""
    dataset = read_dataset(write(*(f"{number}/a.png" for number in range(12))), None, 32)

    assert dataset.class_names == tuple(map(str, range(12)))
    assert files_of(dataset) == sorted(f"{number}/a.png" for number in range(12))
    assert all(sample.file == f"{sample.label}/a.png" for sample in samples_of(dataset))
    assert any("the classes are numbers" in note for note in dataset.report.notes)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("file", ["classes.txt", "labels.json", "classnames.txt"])
def test_numbered_folders_with_a_list_of_names(write, first: int, file: str) -> None:
    """Numbers index the list, from 0 or from 1; the map stands in the report."""
    numbers = range(first, first + 12)
    folder = write(*(f"{number}/a.png" for number in numbers))
    names = [f"name {letter}" for letter in "abcdefghijkl"]
    (folder / file).write_text(json.dumps(names) if file.endswith("json") else "\n".join(names))
    dataset = read_dataset(folder, None, 32)

    assert dataset.class_names == tuple(names)
    assert dataset.report.classes[2] == ClassOfFolder(str(first + 2), "name c")
    assert all(sample.file == f"{sample.label + first}/a.png" for sample in samples_of(dataset))


def test_numbered_folders_when_a_list_could_count_either_way(write) -> None:
    """Three of twelve names, none of them the first or the last: nobody can tell, so it is refused."""
    folder = write("2/a.png", "3/a.png", "5/a.png")
    (folder / "classes.txt").write_text("\n".join(f"name {letter}" for letter in "abcdefghijkl"))
    with pytest.raises(InvalidInputError, match="counts its 12 names from 0 or from 1: give --class-map"):
        read_dataset(folder, None, 32)
    (folder / "classes.txt").write_text("a\nb\nc")
    with pytest.raises(InvalidInputError, match="has 3 names, but the classes have numbers up to 5"):
        read_dataset(folder, None, 32)


def test_numbered_folders_when_one_number_comes_twice(write) -> None:
    """`1` and `01` cannot both be the first class."""
    with pytest.raises(InvalidInputError, match="are one number"):
        read_dataset(write("0/a.png", "1/a.png", "01/a.png"), None, 32)


def test_names_of_systems_are_no_classes_and_no_images(write) -> None:
    """What begins with a dot, `__MACOSX` and the like is left out, counted and named; AppleDouble files too."""
    hidden = (".ipynb_checkpoints/0.png", "__MACOSX/cat/0.png", "cat/._0.png", "dog/.cache/0.png")
    dataset = read_dataset(write(*FOUR, *hidden), None, 32)

    assert dataset.class_names == ("cat", "dog")
    assert files_of(dataset) == sorted(FOUR)
    assert left_out(dataset) == {
        "hidden, or made by a system": (".ipynb_checkpoints", "__MACOSX", "cat/._0.png", "dog/.cache")
    }


def test_pictures_of_more_kinds_and_deeper_folders_are_taken(write) -> None:
    """What Pillow reads safely is; the rest is counted and named, and so are pictures outside of classes."""
    more = ("cat/2.bmp", "dog/2.tiff", "dog/3.jfif", "dog/nested/4.png")
    folder = write(*FOUR, *more, "loose.png")
    (folder / "cat" / "notes.txt").write_text("a text")
    os.symlink(folder / "nowhere.png", folder / "cat" / "9.png")
    dataset = read_dataset(folder, None, 32)

    assert files_of(dataset) == sorted([*FOUR, *more])
    assert all(sample.problem is None for sample in samples_of(dataset))
    assert left_out(dataset) == {
        "no picture of a kind that is read": ("cat/notes.txt",),
        "in no class folder": ("loose.png",),
        "neither a file nor a folder": ("cat/9.png",),
    }
    assert any(note.startswith("1 images lie in folders within class folders") for note in dataset.report.notes)


def test_many_files_that_are_left_out_are_counted(write) -> None:
    """All of them, and the first twenty are named."""
    folder = write(*FOUR)
    for number in range(30):
        (folder / "cat" / f"{number:02}.txt").touch()
    (found,) = read_dataset(folder, None, 32).report.left_out

    assert found == LeftOut(found.reason, 30, tuple(f"cat/{number:02}.txt" for number in range(20)))


def test_empty_class_folder_is_named(write) -> None:
    """It is a label all the same, and the report says so; a folder of other files is no class."""
    folder = write(*FOUR)
    (folder / "ship").mkdir()
    (folder / "annotations").mkdir()
    (folder / "annotations" / "cat.xml").touch()
    dataset = read_dataset(folder, None, 32)

    assert dataset.class_names == ("cat", "dog", "ship")
    assert left_out(dataset)["empty class folder: a label without images"] == ("ship",)
    assert left_out(dataset)["folder of other files: no class"] == ("annotations",)
    assert dataset.report.notes == ("1 of 3 labels have no image among these: ship",)


def test_cmyk_is_converted_and_damage_is_a_row(write) -> None:
    """The others are read, whatever stands between them."""
    folder = write(*FOUR)
    (folder / "dog" / "2.jpg").write_bytes(encoded(Image.new("CMYK", (40, 36), (0, 255, 255, 0)), "JPEG"))
    (folder / "dog" / "3.jpg").write_bytes(encoded(pixels(40, 36), "JPEG")[:200])
    (folder / "cat" / "2.png").write_bytes(b"")
    (folder / "cat" / "3.tiff").write_bytes(encoded(pixels(40, 36), "TIFF")[:100])
    (folder / "cat" / "4.tiff").write_bytes(encoded(Image.new("I;16", (40, 36)), "TIFF"))
    found = {sample.file: sample for sample in samples_of(read_dataset(folder, None, 32))}

    converted = found["dog/2.jpg"].tensor
    assert converted is not None
    assert converted[0].min() > 0.9
    assert converted[1:].max() < 0.1
    problems = {name: sample.problem for name, sample in found.items() if sample.tensor is None}
    assert sorted(problems) == ["cat/2.png", "cat/3.tiff", "cat/4.tiff", "dog/3.jpg"]
    assert "empty" in str(problems["cat/2.png"])
    assert "8 bits" in str(problems["cat/4.tiff"])
    assert "truncated" in str(problems["dog/3.jpg"])


def test_file_that_goes_away_is_a_row(write) -> None:
    """Between the listing and the reading."""
    folder = write(*FOUR)
    dataset = read_dataset(folder, None, 32)
    (folder / "cat" / "1.png").unlink()
    found = {sample.file: sample.problem for sample in samples_of(dataset)}

    assert found["cat/1.png"] == "The file is not there: restore it."
    assert found["dog/1.png"] is None


def test_folder_names_are_matched_before_signs_are_replaced(write) -> None:
    """A classifier that knows `T-shirt` and `black swan` finds `T-shirt` and `black_swan`; others stay as they are."""
    folder = write("T-shirt/a.png", "black_swan/a.png", "my-thing/a.png")
    dataset = read_dataset(folder, None, 32, known=Known(("T-shirt", "black swan", "hen")))

    assert dataset.class_names == ("T-shirt", "black swan", "my thing")
    assert read_dataset(folder, None, 32).class_names == ("T shirt", "black swan", "my thing")


def test_foreign_labels_json_does_not_change_what_the_folder_is(write) -> None:
    """Classes with names of their own keep them, and the report says that the file is not used."""
    folder = write(*FOUR)
    for content in ('{"0": "cat"}', '{"0": "dog", "1": "cat"}', "[]", "{", '{"class_names": ["a", "b"]}'):
        (folder / "labels.json").write_text(content)
        dataset = read_dataset(folder, None, 32)

        assert dataset.class_names == ("cat", "dog")
        assert "labels.json is not used: the classes have names of their own" in dataset.report.notes


def test_splits_are_not_classes(write) -> None:
    """A root of splits is refused with their names; one of them is read; a class may be called `train`."""
    folder = write("train/cat/0.png", "train/dog/0.png", "val/cat/0.png", "val/dog/0.png")
    with pytest.raises(InvalidInputError, match="has the splits train, val: choose one with --split"):
        read_dataset(folder, None, 32)

    assert read_dataset(folder, "val", 32).class_names == ("cat", "dog")
    with pytest.raises(InvalidInputError, match="no folder typo in it, but train, val"):
        read_dataset(folder, "typo", 32)


def test_splits_without_class_folders_are_not_classes(write, tmp_path: Path) -> None:
    """Pictures in `train` and `test` have no class; `train` beside `boat` is one."""
    folder = write("a/train/0.png", "a/test/0.png", "b/train/0.png", "b/boat/0.png")
    with pytest.raises(InvalidInputError, match="has the splits test, train"):
        read_dataset(folder / "a", None, 32)

    assert read_dataset(folder / "b", None, 32).class_names == ("boat", "train")


def test_folders_of_class_folders_are_refused(write) -> None:
    """They are no classes; one folder in each class is taken, as Tiny-ImageNet has it."""
    folder = write("x/one/cat/0.png", "x/one/dog/0.png", "x/two/cat/0.png", "y/cat/images/0.png", "y/dog/images/0.png")
    with pytest.raises(InvalidInputError, match="one hold several folders and no picture of their own"):
        read_dataset(folder / "x", None, 32)

    assert files_of(read_dataset(folder / "y", None, 32)) == ["cat/images/0.png", "dog/images/0.png"]


def test_file_whose_name_is_no_text(write) -> None:
    """Its bytes are shown as escapes, and it is read as any other."""
    folder = write(*FOUR)
    (folder / "cat" / "1.png").rename(os.fsdecode(os.fsencode(folder / "cat") + b"/\xff.png"))
    sample = read_dataset(folder, None, 32).sample(2)

    assert (sample.file, sample.problem) == ("cat/\\xff.png", None)


def test_file_that_is_far_too_large_is_not_read(write) -> None:
    """It says so, and takes no memory."""
    folder = write(*FOUR)
    os.truncate(folder / "cat" / "0.png", 300 * 2**20)

    assert "over 256 MiB" in str(read_dataset(folder, None, 32).sample(0).problem)


def test_link_to_a_folder_above_does_not_lead_round(write) -> None:
    """Each picture is taken once, of its own class."""
    folder = write(*FOUR)
    os.symlink(folder, folder / "cat" / "again")
    dataset = read_dataset(folder, None, 32)

    assert files_of(dataset) == sorted(FOUR)
    assert left_out(dataset) == {"link to a folder that it lies in": ("cat/again",)}


def test_folders_with_wordnet_ids_are_imagenet_classes(write) -> None:
    """By the id, whatever the order; an id that ImageNet does not have stays, and is named."""
    folder = write("n01443537/a.png", "n01440764/a.png", "n00000001/a.png")
    dataset = read_dataset(folder, None, 32, known=Known(read_class_names("imagenet")))

    assert dataset.class_names == ("n00000001", "tench", "goldfish")
    assert ClassOfFolder("n01443537", "goldfish") in dataset.report.classes
    assert any("n00000001" in note for note in dataset.report.notes)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("map.json", '{"a1": "big cat", "b2": "dog", "c3": "dog", "d4": "ship"}'),
        ("map.txt", "a1 big cat\nb2 dog\nc3 dog\n\nd4 ship\n"),
        ("map.csv", "a1,big cat\nb2,dog\nc3,dog\nd4,ship\n"),
        ("map.tsv", "a1\tbig cat\nb2\tdog\nc3\tdog\nd4\tship\n"),
    ],
)
def test_class_map_names_the_folders(write, file: str, content: str) -> None:
    """Two folders with one label are one class, and what is of no folder is said."""
    folder = write("data/a1/0.png", "data/b2/0.png", "data/c3/0.png")
    (folder / file).write_text(content)
    dataset = read_dataset(folder / "data", None, 32, known=Known(class_map=folder / file))

    assert dataset.class_names == ("big cat", "dog")
    assert {sample.file: sample.label for sample in samples_of(dataset)} == {
        "a1/0.png": 0,
        "b2/0.png": 1,
        "c3/0.png": 1,
    }
    assert dataset.report.notes == ("1 entries of the class map are of no folder here",)


@pytest.mark.parametrize(
    ("content", "match"), [("a1 cat", "no label for 1 folders: b2"), ("a1", "no map"), ("a1 x\na1 y\nb2 z", "twice")]
)
def test_class_map_that_does_not_fit_is_refused(write, content: str, match: str) -> None:
    """No folder is left without a label."""
    folder = write("data/a1/0.png", "data/b2/0.png")
    (folder / "map.txt").write_text(content)
    with pytest.raises(InvalidInputError, match=match):
        read_dataset(folder / "data", None, 32, known=Known(class_map=folder / "map.txt"))


def test_digest_names_the_chosen_images(write) -> None:
    """Another name, size or label is another digest; the same folder elsewhere has the same one."""
    folder = write(*FOUR)
    first = read_dataset(folder, None, 32).digest
    limited = read_dataset(folder, None, 32, limit=2)

    assert read_dataset(folder, None, 32, limit=4).digest == first
    assert limited.digest != first
    assert sorted(limited.labels) == [0, 1]
    (folder / "cat" / "1.png").rename(folder / "cat" / "2.png")
    assert read_dataset(folder, None, 32).digest != first


def test_folder_without_images_is_refused(tmp_path: Path) -> None:
    """An empty folder, or none, is no data set."""
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidInputError, match="dataset must be"):
            read_dataset(folder, None, 32)
