import json
from pathlib import Path

import pytest

from adapters.contract.bounds import MAX_LABEL_LENGTH
from adapters.contract.labels import case_folded, class_indices
from adapters.profiles.class_lists import LONGEST_NAME, folded, read_class_list, read_id_to_label, unique_names
from robustify.errors import ModelFilesError


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "cat\ndog\n"),
        ("classes.txt", "\ufeffcat\r\ndog"),
        ("classes.txt", "  cat \ndog\t\n"),
        ("labels.json", '["cat", "dog"]'),
        ("labels.json", '{"1": "dog", "0": "cat"}'),
        ("labels.json", '\ufeff["cat", "dog"]'),
    ],
)
def test_list_when_it_is_in_one_of_its_forms(tmp_path: Path, name: str, text: str) -> None:
    """The names are in the order of the lines or the ids, without a mark at the start and outer spaces."""
    assert read_class_list(write(tmp_path, name, text)) == ("cat", "dog")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("classes.txt", "cat\ndog\nCat\n", "line 1 and line 3 of classes.txt are both 'Cat'"),
        ("classes.txt", "cat\n\ndog\n", "line 2 of classes.txt is empty"),
        ("classes.txt", "cat\n", "names 1 classes"),
        ("classes.txt", "cat\nd\u200bog\n", "line 2 of classes.txt has characters that cannot be seen"),
        ("classes.txt", f"cat\n{'d' * 101}\n", "line 2 of classes.txt has 101 characters"),
        ("labels.json", '{"0": "cat", "2": "dog"}', "none for the id 1"),
        ("labels.json", '{"1": "cat", "2": "dog"}', "none for the id 0"),
        ("labels.json", '{"0": "cat", "0": "dog"}', "'0' twice"),
        ("labels.json", '{"0": "cat", "00": "dog"}', "the id '00'"),
        ("labels.json", '{"0": "cat", "1": 2}', "no name for the id 1"),
        ("labels.json", '["cat", 2]', "no list of classes"),
        ("labels.json", '["cat", " "]', "entry 2 of labels.json is empty"),
        ("labels.json", '"cat"', "no list of classes"),
        ("labels.json", "[" * 100_000, "no JSON"),
        ("labels.json", "cat", "no JSON"),
    ],
)
def test_list_when_it_breaks_a_rule(tmp_path: Path, name: str, text: str, message: str) -> None:
    """ModelFilesError that says where."""
    with pytest.raises(ModelFilesError, match=message):
        read_class_list(write(tmp_path, name, text))


def test_list_when_it_is_missing_or_no_text(tmp_path: Path) -> None:
    """ModelFilesError without a path."""
    with pytest.raises(ModelFilesError, match=r"^classes.txt is missing"):
        read_class_list(tmp_path / "classes.txt")
    (tmp_path / "classes.txt").write_bytes(b"caf\xe9\ndog\n")
    with pytest.raises(ModelFilesError, match=r"^classes.txt is no text in UTF-8"):
        read_class_list(tmp_path / "classes.txt")


def test_list_when_repeated_names_are_numbered(tmp_path: Path) -> None:
    """The second class of a name is called so, and each name is found as its own class."""
    names = read_class_list(write(tmp_path, "classes.txt", "missile\ncrane\nMissile\nmissile\n"), "number")
    assert names == ("missile", "crane", "Missile (2)", "missile (3)")
    assert class_indices(names, ["missile (2)", "MISSILE", "missile (3)"]) == [2, 0, 3]


def test_unique_names_when_a_numbered_one_is_in_the_list() -> None:
    """What stands in the list keeps its name."""
    assert unique_names(["crane", "crane", "crane (2)"]) == ("crane", "crane (3)", "crane (2)")


def test_unique_names_when_all_are() -> None:
    """They are as they were."""
    assert unique_names(["crane", "heron"]) == ("crane", "heron")


def test_id_to_label_when_it_is_that_of_a_usual_model(tmp_path: Path) -> None:
    """By id, however it is sorted; a name that comes twice is numbered, and too long a one loses its last synonyms."""
    synonyms = (
        "dragonfly, darning needle, devil's darning needle, sewing needle, snake feeder, snake doctor, mosquito hawk"
    )
    labels = {"10": "last", **{str(number): f"class {number}" for number in range(7)}}
    labels |= {"7": "crane", "8": "crane", "9": synonyms}
    config = write(tmp_path, "config.json", json.dumps({"id2label": labels}))
    names = read_id_to_label(config)
    assert names[7:] == ("crane", "crane (2)", synonyms.removesuffix(", mosquito hawk"), "last")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('{"id2label": {"0": "cat", "2": "dog"}}', "none for the id 1"),
        ('{"id2label": {"0": "cat", "0": "dog"}}', "'0' twice"),
        ('{"id2label": {"0": "cat"}}', "names 1 classes"),
        ('{"id2label": ["cat"]}', "has no id2label"),
        ("{}", "has no id2label"),
        ("[]", "has no id2label"),
        ("{", "config.json is no JSON"),
    ],
)
def test_id_to_label_when_it_has_gaps_or_is_missing(tmp_path: Path, config: str, message: str) -> None:
    """ModelFilesError: labels would be given to the wrong logits."""
    with pytest.raises(ModelFilesError, match=message):
        read_id_to_label(write(tmp_path, "config.json", config))


def test_names_when_labels_are_compared_with_them() -> None:
    """Both are folded in one way, and as long as a label may be, so that every class can be asked for."""
    for name in ("Crane", "ﬁnch", "  A  B ", "Straße", "É", "E\u0301"):
        assert folded(name) == case_folded(name)
    assert LONGEST_NAME == MAX_LABEL_LENGTH
