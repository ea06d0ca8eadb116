"""Data sets of the paper that torchvision knows, from files that are here already: nothing is ever downloaded.

torchvision says which files there are and of which class; they are read as all other files are.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import path as paths
from pathlib import Path

from robustify.errors import InvalidInputError
from workers.evaluation.data.leavings import HIDDEN, Leavings, is_hidden
from workers.evaluation.data.source import FileSource, Listing
from workers.evaluation.data.walking import pictures_under

Found = tuple[Sequence[str], Sequence[int]]
"""Files and their classes."""


@dataclass(frozen=True)
class TorchvisionSet:
    """A class of torchvision's by its name, and the `folder` in which it looks for its files; `split` is what is read
    where none is asked for, None where it has none. `files`: from one of these data sets to its files, in their order.
    """

    class_name: str
    folder: str
    split: str | None
    files: Callable[[object, Leavings], Found]


def torchvision_set(wanted: TorchvisionSet, root: Path, split: str | None, names: tuple[str, ...] | None) -> FileSource:
    """Raises InvalidInputError where its files are not in the folder, or are of other classes than `names`."""
    dataset, leavings = opened(wanted, place_of(wanted, root), split), Leavings()
    check_classes(wanted, dataset, names)
    kept: list[tuple[str, int]] = []
    for file, label in zip(*wanted.files(dataset, leavings), strict=True):
        shown = Path(paths.relpath(file, root)).as_posix()
        if is_hidden(Path(file).name):
            leavings.add(HIDDEN, shown)
        else:
            kept.append((shown, int(label)))
    files, labels = [file for file, _ in kept], [label for _, label in kept]
    notes = (f"the split is {wanted.split}",) if wanted.split and not split else ()
    classes, layout = names or own_names(dataset), f"{wanted.class_name} of torchvision"
    return FileSource(root, Listing(files, labels, classes, leavings.left_out, notes=notes, layout=layout))


def place_of(wanted: TorchvisionSet, root: Path) -> Path:
    """The folder that holds the set's own, or that is it. Looked at first: torchvision would make some of them."""
    if (root / wanted.folder).is_dir():
        return root
    if root.name == wanted.folder and root.is_dir():
        return root.parent
    raise InvalidInputError(f"{wanted.class_name} needs the folder {wanted.folder} in the dataset: bring it there")


def opened(wanted: TorchvisionSet, root: Path, split: str | None) -> object:
    """Raises InvalidInputError."""
    if wanted.split is None and split:
        raise InvalidInputError(f"{wanted.class_name} has no splits: leave --split out", field="split")
    options = {} if wanted.split is None else {"split": split or wanted.split}
    module = importlib.import_module("torchvision.datasets")
    try:
        found: object = getattr(module, wanted.class_name)(root, download=False, **options)
        return found
    except (RuntimeError, ValueError, OSError, LookupError) as error:
        what = str(error).split("You can use")[0].strip()
        raise InvalidInputError(f"torchvision cannot read {wanted.class_name}: {what}", field="dataset") from error


def check_classes(wanted: TorchvisionSet, dataset: object, names: tuple[str, ...] | None) -> None:
    """A folder more among those of the classes would shift all that come behind it."""
    there = len(classes_of(dataset))
    if names is not None and there != len(names):
        raise InvalidInputError(
            f"{wanted.class_name} has {len(names)} classes; here are {there}: restore its folder", field="dataset"
        )


def own_names(dataset: object) -> tuple[str, ...]:
    """As torchvision has them, with signs as spaces."""
    return tuple(" ".join(name.replace("_", " ").replace("/", " ").split()) for name in classes_of(dataset))


def classes_of(dataset: object) -> Sequence[str]:
    """Of torchvision's names for them, the one that it has: on the data set, or on its class."""
    found: Sequence[str] = next(getattr(dataset, name) for name in ("categories", "classes") if hasattr(dataset, name))
    return found


def image_files(dataset: object, leavings: Leavings) -> Found:
    return [str(file) for file in vars(dataset)["_image_files"]], vars(dataset)["_labels"]


def sorted_files(dataset: object, leavings: Leavings) -> Found:
    """Of a class that has them in whatever order the disk gives them."""
    pairs = sorted(zip(*image_files(dataset, leavings), strict=True))
    return [file for file, _ in pairs], [label for _, label in pairs]


def pet_files(dataset: object, leavings: Leavings) -> Found:
    return [str(file) for file in vars(dataset)["_images"]], vars(dataset)["_labels"]


def car_files(dataset: object, leavings: Leavings) -> Found:
    samples = vars(dataset)["_samples"]
    return [file for file, _ in samples], [label for _, label in samples]


def folder_files(dataset: object, leavings: Leavings) -> Found:
    samples = vars(dataset)["samples"]
    return [file for file, _ in samples], [label for _, label in samples]


def caltech_files(dataset: object, leavings: Leavings) -> Found:
    """Those that are there: torchvision counts the files of a folder, hidden ones too, and numbers names up to that."""
    folder = Path(vars(dataset)["root"]) / "101_ObjectCategories"
    files, labels = list[str](), list[int]()
    for label, category in enumerate(classes_of(dataset)):
        found = pictures_under(folder, category, leavings)
        files += [str(folder / file) for file in found]
        labels += [label] * len(found)
    return files, labels


SETS = {
    "Caltech": TorchvisionSet("Caltech101", "caltech101", None, caltech_files),
    "StanfordCars": TorchvisionSet("StanfordCars", "stanford_cars", "test", car_files),
    "Food101": TorchvisionSet("Food101", "food-101", "test", image_files),
    "OxfordPets": TorchvisionSet("OxfordIIITPet", "oxford-iiit-pet", "test", pet_files),
    "Flowers102": TorchvisionSet("Flowers102", "flowers-102", "test", image_files),
    "SUN397": TorchvisionSet("SUN397", "SUN397", None, sorted_files),
    "DTD": TorchvisionSet("DTD", "dtd", "test", image_files),
    "EuroSAT": TorchvisionSet("EuroSAT", "eurosat", None, folder_files),
}
"""By the names of the paper's sets; STL10 is read without loading it whole, and ImageNet as class folders."""
