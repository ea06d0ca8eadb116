"""CropDiseases, which is PlantVillage's 38 class folders, under the names that the paper gives them."""

from dataclasses import replace
from pathlib import Path

from robustify.errors import InvalidInputError
from workers.evaluation.data.class_folders import class_folders
from workers.evaluation.data.names import Known, pairs
from workers.evaluation.data.source import FileSource


def crop_diseases(root: Path, split: str | None, names: tuple[str, ...]) -> FileSource:
    """The folders in alphabetical order, capitals first, have the names in theirs. Raises InvalidInputError where a
    folder's name shares no word with its class: then one is missing, or another one there.
    """
    source = class_folders(root, split, Known())
    folders = source.listing.class_names
    if len(folders) != len(names):
        raise InvalidInputError(f"CropDiseases has {len(names)} class folders; here are {len(folders)}", "dataset")
    for folder, name in zip(folders, names, strict=True):
        if not any(word.lower() in folder.lower() for word in name.split()):
            raise InvalidInputError(f"the class folder {folder} stands where {name} is expected: restore it", "dataset")
    return replace(source, listing=replace(source.listing, class_names=names, classes=pairs(folders, names)))
