"""The chosen images of a source as a data set: each is read, and made a canonical tensor, when it is asked for."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from adapters.images import Preprocessing
from robustify.errors import InvalidInputError, UnreadableImageError
from workers.evaluation.data.dataset import ClassOfFolder, DataReport, Dataset, Sample
from workers.evaluation.data.leavings import shown
from workers.evaluation.data.order import chosen
from workers.evaluation.data.pictures import canonical_tensor
from workers.evaluation.data.source import Source

FEWEST_CLASSES = 2
MOST_NAMED = 20


def images_of(source: Source, side: int, limit: int | None, preprocessing: Preprocessing) -> "Images":
    """Raises InvalidInputError for a set without images, or of one class."""
    listing = source.listing
    if len(listing.class_names) < FEWEST_CLASSES or not listing.labels:
        raise InvalidInputError(
            f"the dataset must be of {FEWEST_CLASSES} classes or more, with images; this one has "
            f"{len(listing.class_names)} and {len(listing.labels)} images",
            field="dataset",
        )
    positions = chosen(listing.labels, limit, listing.takes_turns)
    return Images(source, positions, side, preprocessing)


@dataclass(frozen=True)
class Images:
    """Of a source, those at `positions`, in that order."""

    source: Source
    positions: tuple[int, ...]
    side: int
    preprocessing: Preprocessing

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.source.listing.class_names

    @cached_property
    def labels(self) -> Sequence[int]:
        labels = self.source.listing.labels
        return tuple(labels[position] for position in self.positions)

    @cached_property
    def digest(self) -> str:
        """Over the name, the size and the label of each chosen image, and no byte of any."""
        listing, found = self.source.listing, hashlib.sha256()
        for position in self.positions:
            entry = (listing.names[position], self.source.size(position), listing.labels[position])
            found.update(repr(entry).encode("utf-8", "surrogateescape"))
        return found.hexdigest()

    @property
    def report(self) -> DataReport:
        listing = self.source.listing
        return DataReport(
            images=len(self.positions),
            total=len(listing.labels),
            layout=listing.layout,
            left_out=listing.left_out,
            classes=listing.classes,
            notes=(*listing.notes, *self.absent()),
        )

    def __len__(self) -> int:
        return len(self.positions)

    def sample(self, index: int) -> Sample:
        listing, position = self.source.listing, self.positions[index]
        sample = Sample(index, None, listing.labels[position], shown(listing.names[position]), "")
        try:
            data = self.source.read(position)
            sample = replace(sample, sha256=hashlib.sha256(data).hexdigest())
            return replace(sample, tensor=canonical_tensor(data, self.side, self.preprocessing))
        except UnreadableImageError as error:
            return replace(sample, problem=str(error))

    def absent(self) -> tuple[str, ...]:
        return absent_classes(self.class_names, self.labels)


def absent_classes(class_names: Sequence[str], labels: Sequence[int]) -> tuple[str, ...]:
    """A sentence that names the classes of which no image is among the chosen; nothing where there is none."""
    there = set(labels)
    absent = [name for index, name in enumerate(class_names) if index not in there]
    if not absent:
        return ()
    named = ", ".join(absent[:MOST_NAMED]) + (", ..." if len(absent) > MOST_NAMED else "")
    return (f"{len(absent)} of {len(class_names)} labels have no image among these: {named}",)


@dataclass(frozen=True)
class Relabelled:
    """The same images with the indices of other labels: the data set's own names in another order."""

    images: Dataset
    class_names: tuple[str, ...]

    @cached_property
    def labels(self) -> Sequence[int]:
        return tuple(self.indices[label] for label in self.images.labels)

    @property
    def digest(self) -> str:
        return self.images.digest

    @property
    def report(self) -> DataReport:
        return self.images.report

    def __len__(self) -> int:
        return len(self.images)

    def sample(self, index: int) -> Sample:
        sample = self.images.sample(index)
        return replace(sample, label=self.indices[sample.label])

    @cached_property
    def indices(self) -> tuple[int, ...]:
        return tuple(self.class_names.index(name) for name in self.images.class_names)


def relabelled(dataset: Dataset, labels: tuple[str, ...]) -> Relabelled:
    """Raises InvalidInputError where the labels are others than the data set's own."""
    if sorted(labels) != sorted(dataset.class_names):
        raise InvalidInputError("the task has other labels than the data set", field="task")
    return Relabelled(dataset, labels)


def named_classes(dataset: Dataset, labels: Sequence[str]) -> tuple[ClassOfFolder, ...]:
    """Which label each folder or class has, where labels were given beside the data set and are not its own."""
    known = dataset.report.classes
    if tuple(labels) == tuple(dataset.class_names):
        return known
    label_of = dict(zip(dataset.class_names, labels, strict=True))
    named = known or tuple(ClassOfFolder(name, name) for name in dataset.class_names)
    return tuple(ClassOfFolder(found.folder, label_of[found.label]) for found in named)
