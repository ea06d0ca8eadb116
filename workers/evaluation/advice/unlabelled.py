"""A folder of pictures without labels, as people have them: nothing is right or wrong, but answers may change."""

from collections.abc import Sequence
from pathlib import Path

from adapters.images import Preprocessing
from workers.evaluation.data.images import Images, images_of
from workers.evaluation.data.leavings import Leavings
from workers.evaluation.data.reading import has_images_in_files
from workers.evaluation.data.sheets import is_of_sheets
from workers.evaluation.data.source import FileSource, Listing
from workers.evaluation.data.walking import folders_in, holds_pictures, pictures_under

NO_LABEL = -1
"""No index of a class."""


def is_unlabelled(folder: Path) -> bool:
    """Whether pictures lie in the folder itself, and nothing in it says what they show."""
    if not folder.is_dir() or is_of_sheets(folder) or has_images_in_files(folder) or not holds_pictures(folder):
        return False
    return not any(pictures_under(folder, name, Leavings()) for name in folders_in(folder))


def unlabelled_pictures(
    folder: Path, labels: Sequence[str], side: int, limit: int | None, preprocessing: Preprocessing
) -> Images:
    """The pictures by name, or so many at even distances; `labels` are what they may be answered as."""
    leavings = Leavings()
    names = pictures_under(folder, "", leavings)
    listing = Listing(
        names=names,
        labels=[NO_LABEL] * len(names),
        class_names=tuple(labels),
        left_out=leavings.left_out,
        layout="pictures without labels",
    )
    return images_of(FileSource(folder, listing), side, limit, preprocessing)
