"""Tar shards as WebDataset writes them: files of one key are one sample, `KEY.jpg` beside `KEY.cls` or `KEY.json`.

The shards are never extracted: their headers and labels are read once, and an image later from its place in its shard.
"""

import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePosixPath

from robustify.errors import InvalidInputError, UnreadableImageError
from workers.evaluation.data.leavings import BESIDE, HIDDEN, Leavings, is_hidden
from workers.evaluation.data.names import Known, in_order, lists_in, named
from workers.evaluation.data.pictures import IMAGE_SUFFIXES
from workers.evaluation.data.source import CANNOT_BE_READ, Listing
from workers.evaluation.data.walking import pictures_under

LABEL_SUFFIXES = (".cls", ".json")
LABEL_KEYS = ("label", "cls", "class", "class_name")
MAX_LABEL_BYTES = 65_536
COMPRESSED = ("*.tar.gz", "*.tgz", "*.tar.bz2", "*.tar.xz", "*.tar.zst")
BLOCK = 512
CUT_OFF = "tar shard that is cut off or damaged: what follows in it is not read"
NO_LABEL = "image without a label"
NO_IMAGE = "label without an image"


@dataclass(frozen=True)
class Member:
    """A file in a shard; `label` is what it says, where it is one of labels."""

    name: str
    offset: int
    size: int
    label: str | None = None

    @property
    def key(self) -> str:
        """What the files of one sample share: the path up to the first dot of the name."""
        path = PurePosixPath(self.name)
        return (path.parent / path.name.partition(".")[0]).as_posix()

    @property
    def is_image(self) -> bool:
        return suffix_of(self.name) in IMAGE_SUFFIXES


@dataclass(frozen=True)
class Place:
    """Where an image lies: its shard, and its bytes there."""

    shard: str
    offset: int
    size: int


@dataclass
class Found:
    """The images of all shards so far."""

    names: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    leavings: Leavings = field(default_factory=Leavings)


@dataclass(frozen=True)
class TarSource:
    """Images by their places; their names are `SHARD/MEMBER`."""

    folder: Path
    places: Sequence[Place]
    listing: Listing

    def size(self, position: int) -> int:
        return self.places[position].size

    def read(self, position: int) -> bytes:
        place = self.places[position]
        try:
            with (self.folder / place.shard).open("rb") as shard:
                shard.seek(place.offset)
                return shard.read(place.size)
        except OSError:
            raise UnreadableImageError(CANNOT_BE_READ) from None


def tar_shards(root: Path, split: str | None, known: Known) -> TarSource:
    """Raises InvalidInputError where there is no shard of that split, or several splits of which none is named."""
    found = Found()
    shards = shards_in(root, split)
    for shard in shards:
        read_shard(shard, shard.relative_to(root).as_posix(), found)
    for file in pictures_under(root, "", Leavings()):
        found.leavings.add(BESIDE, file)
    folder = shards[0].parent
    classes = in_order(sorted(set(found.labels)))
    labels = named(classes, folder if lists_in(folder) else root, known, from_zero=True)
    of_class = dict(zip(classes, labels.of_folder, strict=True))
    indices = [of_class[label] for label in found.labels]
    listing = Listing(
        names=found.names,
        labels=indices,
        class_names=labels.class_names,
        left_out=found.leavings.left_out,
        classes=labels.classes,
        notes=labels.notes,
        layout="tar shards",
    )
    return TarSource(root, found.places, listing)


def shards_in(root: Path, split: str | None) -> list[Path]:
    """Those of a split are in its folder, or have its name in front, as `test-0.tar`. Raises InvalidInputError."""
    there = all_shards(root)
    splits = sorted({split_of(shard, root) for shard in there})
    if split is None and len(splits) == 1:
        return there
    chosen = [shard for shard in there if split is not None and split_of(shard, root) == split]
    if not chosen:
        raise InvalidInputError(f"the dataset has the splits {', '.join(splits)}: choose one with --split", "split")
    return chosen


def all_shards(root: Path) -> list[Path]:
    """Raises InvalidInputError where there are compressed ones alone, in which nothing has a place of its own."""
    found = [path for pattern in ("*.tar", "*/*.tar") for path in root.glob(pattern)]
    compressed = next((path for pattern in COMPRESSED for path in root.glob(pattern)), None)
    if compressed and not found:
        raise InvalidInputError(f"{compressed.name} is compressed: tar shards must not be, decompress them", "dataset")
    return sorted(path for path in found if not any(map(is_hidden, path.relative_to(root).parts)))


def split_of(shard: Path, root: Path) -> str:
    """The folder of a shard, or its name up to its number."""
    return shard.parent.name if shard.parent != root else shard.stem.rstrip("0123456789").rstrip("-_.") or "all"


def read_shard(path: Path, shard: str, found: Found) -> None:
    """Takes the samples of a shard; files of one key follow each other in it, as WebDataset has them."""
    for key, members in groupby(members_of(path, shard, found.leavings), key=lambda member: member.key):
        take(shard, key, list(members), found)


def take(shard: str, key: str, members: Sequence[Member], found: Found) -> None:
    image = next((member for member in members if member.is_image), None)
    label = next((member.label for member in members if member.label), None)
    if image is None or label is None:
        name = key if image is None else image.name
        found.leavings.add(NO_IMAGE if image is None else NO_LABEL, f"{shard}/{name}")
        return
    found.names.append(f"{shard}/{image.name}")
    found.labels.append(label)
    found.places.append(Place(shard, image.offset, image.size))


def members_of(path: Path, shard: str, leavings: Leavings) -> Iterator[Member]:
    """The files in a shard; where it breaks off, that is said in the leavings."""
    try:
        with tarfile.open(path, "r:") as opened:
            while (entry := opened.next()) is not None:
                vars(opened)["members"].clear()  # It would keep them all.
                if is_hidden(PurePosixPath(entry.name).name):
                    leavings.add(HIDDEN, f"{shard}/{entry.name}")
                elif entry.isfile():
                    yield Member(entry.name, entry.offset_data, entry.size, label_in(opened, entry))
            if not ends_at(path, opened.offset):
                leavings.add(CUT_OFF, shard)
    except (tarfile.TarError, OSError, EOFError):
        leavings.add(CUT_OFF, shard)


def ends_at(path: Path, offset: int) -> bool:
    """Whether a tar's mark of its end is there; its reader takes a damaged header for the end too."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(BLOCK) == bytes(BLOCK)


def label_in(opened: tarfile.TarFile, entry: tarfile.TarInfo) -> str | None:
    """What a file of a label says; None for any other file, and for one that says nothing of a class."""
    suffix = suffix_of(entry.name)
    file = opened.extractfile(entry) if suffix in LABEL_SUFFIXES else None
    if file is None:
        return None
    text = file.read(MAX_LABEL_BYTES).decode("utf-8", "replace").strip()
    return text if suffix == ".cls" else label_in_json(text)


def label_in_json(text: str) -> str | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    found = next((document[key] for key in LABEL_KEYS if key in document), None)
    return str(found) if isinstance(found, int | str) and not isinstance(found, bool) else None


def suffix_of(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
