from dataclasses import dataclass, field

import numpy as np
import pytest

from adapters.images import USUAL
from robustify.errors import InvalidInputError, UnreadableImageError
from tests.pictures import encoded, pixels
from workers.evaluation.data.dataset import ClassOfFolder, samples_of, stacked
from workers.evaluation.data.images import Images, images_of, named_classes, relabelled
from workers.evaluation.data.source import Listing


@dataclass(frozen=True)
class Memory:
    """A source that knows what was asked of it; `damaged` has no readable bytes."""

    listing: Listing
    damaged: frozenset[int] = frozenset()
    sized: list[int] = field(default_factory=list)
    read_: list[int] = field(default_factory=list)

    def size(self, position: int) -> int:
        self.sized.append(position)
        return 1

    def read(self, position: int) -> bytes:
        self.read_.append(position)
        if position in self.damaged:
            raise UnreadableImageError("The file cannot be read.")
        return encoded(pixels(8, 8, seed=position))


def memory(labels: list[int], damaged: frozenset[int] = frozenset()) -> Memory:
    return Memory(Listing([f"{index}.png" for index in range(len(labels))], labels, ("a", "b", "c")), damaged)


def test_limit_reads_no_more_than_it_needs() -> None:
    """Two rows of 1,000 are two files, and the digest is of two sizes."""
    source = memory([0, 1] * 500)
    dataset = images_of(source, 8, 2, USUAL)
    found = list(samples_of(dataset))

    assert dataset.digest
    assert source.read_ == source.sized == [0, 1]
    assert [sample.label for sample in found] == [0, 1]
    assert dataset.report.images == 2
    assert dataset.report.total == 1000


def test_sample_when_it_is_asked_for_again() -> None:
    """It is read anew and is the same: nothing is kept."""
    source = memory([0, 1, 2])
    dataset = images_of(source, 8, None, USUAL)
    first, again = dataset.sample(1), dataset.sample(1)

    assert source.read_ == [1, 1]
    assert first.tensor is not None
    assert again.tensor is not None
    assert np.array_equal(first.tensor, again.tensor)
    assert (first.index, first.file, first.sha256) == (again.index, again.file, again.sha256)


def test_damaged_image_says_so() -> None:
    """Its sample has a problem and no digest; the others are as they are."""
    found = list(samples_of(images_of(memory([0, 1, 2], frozenset({1})), 8, None, USUAL)))

    assert [sample.problem for sample in found] == [None, "The file cannot be read.", None]
    assert found[1].tensor is None
    assert found[1].sha256 == ""


def test_labels_without_images_are_named() -> None:
    """A limit may leave out a class; that is in the report."""
    dataset = images_of(memory([0, 0, 0, 0, 1, 2]), 8, 2, USUAL)

    assert list(dataset.labels) == [0, 0]
    assert dataset.report.notes == ("2 of 3 labels have no image among these: b, c",)


@pytest.mark.parametrize("labels", [[], [0, 0]])
def test_set_without_images_or_of_one_class_is_refused(labels: list[int]) -> None:
    """There is nothing to tell apart."""
    source = memory(labels)
    one_class = Memory(Listing(source.listing.names, labels, ("a",) if labels else ("a", "b")))
    with pytest.raises(InvalidInputError, match="2 classes or more, with images"):
        images_of(one_class, 8, None, USUAL)


def test_relabelled_images_have_the_indices_of_other_labels() -> None:
    """The images are the same ones."""
    dataset: Images = images_of(memory([0, 1, 2]), 8, None, USUAL)
    other = relabelled(dataset, ("c", "a", "b"))

    assert list(other.labels) == [sample.label for sample in samples_of(other)] == [1, 2, 0]
    assert np.array_equal(stacked(other), stacked(dataset))
    assert other.digest == dataset.digest
    with pytest.raises(InvalidInputError, match="other labels"):
        relabelled(dataset, ("a", "b"))


def test_labels_given_beside_the_set_are_mapped() -> None:
    """Each class is named with its label; nothing is said where they are its own."""
    dataset = images_of(memory([0, 1, 2]), 8, None, USUAL)

    assert named_classes(dataset, ("a", "b", "c")) == ()
    assert named_classes(dataset, ("x", "b", "z"))[0] == ClassOfFolder("a", "x")
