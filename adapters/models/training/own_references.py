"""Reference images that the user brings, in place of synthesised ones: a folder of pictures for each label.

Nothing is left out silently: what is hidden, of another kind, there twice or more than is wanted is counted, and a
picture that cannot be read is an error that names it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from adapters.canonical_json import json_digest
from adapters.contract.adapt import MAX_SHOTS
from adapters.contract.labels import case_folded, listed
from adapters.images import canonicalise
from adapters.models.training.trainer import References
from adapters.profiles.profile import Profile
from adapters.store.tensors import stored_bytes, tensor_digest
from robustify.adaptation.references import Reference
from robustify.errors import InvalidInputError, UnreadableImageError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
MOST_PICTURES = 20_000
MOST_BYTES = 2 << 30
"""Of all files, and of the tensors of those that are used."""
SHARE_HELD_BACK = 4
"""By default one of so many of the label with the fewest."""
MOST_NAMED = 10


@dataclass(frozen=True)
class Pictures:
    """The files of each label, in the order of the labels; and what is no picture: hidden, or of another kind."""

    root: Path
    labels: tuple[str, ...]
    files: tuple[tuple[Path, ...], ...]
    hidden: int
    others: tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """How many of each label; by default all that are not held back, and a fourth of the fewest, within bounds."""

    shots: int | None
    held_back: int | None
    most_held_back: int
    seed: int

    def to_hold_back(self, fewest: int) -> int:
        """Of each label, where the one with the fewest has so many."""
        return self.held_back or max(1, min(self.most_held_back, fewest // SHARE_HELD_BACK))


@dataclass(frozen=True)
class OwnReferences:
    """Canonical tensors (N, 3, side, side) in the order of the plan, and how many pictures were not taken.

    `shots`: the most of any label; `held_back`: of each.
    """

    plan: Sequence[Reference]
    images: torch.Tensor
    shots: int
    held_back: int
    repeated: int
    surplus: int
    pictures: Pictures = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """Of what each image shows, what it is for, and its tensor."""
        return json_digest(
            [
                [reference.label_index, reference.shot, reference.held_back, tensor_digest(image.numpy())]
                for reference, image in zip(self.plan, self.images, strict=True)
            ]
        )

    @property
    def references(self) -> tuple[References, References]:
        """(those to adapt with, those that were held back)."""
        return self._part(held_back=False), self._part(held_back=True)

    @property
    def summary(self) -> str:
        """What was taken and what was not, as a sentence."""
        held_back = sum(reference.held_back for reference in self.plan)
        others = self.pictures.others
        left_out = {
            "hidden": self.pictures.hidden,
            f"of other kinds ({listed(others[:MOST_NAMED], len(others))})": len(others),
            "there twice": self.repeated,
            "more than --shots": self.surplus,
        }
        named = ", ".join(f"{count} {what}" for what, count in left_out.items() if count)
        return f"{len(self.plan) - held_back} pictures to adapt with, {held_back} held back; " + (
            f"left out: {named}" if named else "none left out"
        )

    def _part(self, held_back: bool) -> References:
        rows = [row for row, reference in enumerate(self.plan) if reference.held_back is held_back]
        labels = [self.plan[row].label_index for row in rows]
        return References(self.images[rows], torch.tensor(labels, dtype=torch.int64))


def find_pictures(root: Path, labels: Sequence[str] | None) -> Pictures:
    """The pictures of each folder in `root`; without labels, the folders' names are the labels.

    Raises InvalidInputError where folders and labels do not match.
    """
    if not root.is_dir():
        raise refusal(f"{root} is no folder")
    entries = sorted(root.iterdir())
    hidden = [path for path in entries if is_hidden(path)]
    folders = [path for path in entries if path.is_dir() and not is_hidden(path)]
    others = [path for path in entries if not path.is_dir() and not is_hidden(path)]
    if not folders:
        raise refusal(f"{root} has no folders: make one of pictures for each label")
    chosen = matched(folders, labels) if labels else {label_of(folder): folder for folder in folders}
    files = []
    for folder in chosen.values():
        inside = sorted(folder.iterdir())
        hidden += [path for path in inside if is_hidden(path)]
        files.append(tuple(path for path in inside if is_picture(path)))
        others += [path for path in inside if not is_picture(path) and not is_hidden(path)]
    if len(chosen) < len(folders):
        raise refusal("two folders have the same label, but for signs such as _: rename one")
    names = tuple(str(path.relative_to(root)) for path in others)
    return Pictures(root, tuple(chosen), tuple(files), len(hidden), names)


def is_hidden(path: Path) -> bool:
    """What systems leave behind."""
    return path.name.startswith((".", "__MACOSX"))


def is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file() and not is_hidden(path)


def label_of(folder: Path) -> str:
    """As `robustify evaluate` names the class of a folder."""
    return folder.name.replace("_", " ").replace("-", " ")


def matched(folders: Sequence[Path], labels: Sequence[str]) -> Mapping[str, Path]:
    """The folder of each label, by its name as it is or with `_` and `-` as spaces."""
    by_name = {case_folded(label_of(folder)): folder for folder in folders}
    by_name |= {case_folded(folder.name): folder for folder in folders}
    found = {label: by_name[key] for label in labels if (key := case_folded(label)) in by_name}
    missing = [label for label in labels if label not in found]
    surplus = [folder.name for folder in folders if folder not in found.values()]
    for names, what in ((missing, "labels without a folder"), (surplus, "folders that are none of the labels")):
        if names:
            raise refusal(f"{what}: {listed([repr(name) for name in names[:MOST_NAMED]], len(names))}")
    return found


def read_own_references(pictures: Pictures, profile: Profile, wanted: Wanted, largest: int) -> OwnReferences:
    """Takes pictures of each label, in an order that follows from the seed and their content alone.

    `largest`: bytes of a file. Raises InvalidInputError that names the file that cannot be used.
    """
    check_bounds(pictures, largest)
    orders, repeated = ordered(pictures, wanted.seed)
    held_back = wanted.to_hold_back(min(map(len, orders)))
    check_enough(pictures.labels, orders, held_back)
    chosen = [chosen_of(order, held_back, wanted.shots or MAX_SHOTS) for order in orders]
    most = max(len(learned) for learned, _ in chosen)
    places = sorted(places_of(chosen, most), key=lambda place: (place[1], place[0]))
    check_memory(len(places), profile.side)
    plan = [Reference(index, shot, "", 0, shot >= most) for index, shot, _ in places]
    images = np.stack([read_picture(pictures.root, file, profile) for _, _, file in places])
    surplus = sum(map(len, orders)) - len(plan)
    return OwnReferences(plan, torch.from_numpy(images), most, held_back, repeated, surplus, pictures)


def check_memory(count: int, side: int) -> None:
    if count * stored_bytes(side, side) > MOST_BYTES:
        raise refusal(f"{count} pictures of {side} x {side} pixels are too many for memory: give fewer --shots")


def check_bounds(pictures: Pictures, largest: int) -> None:
    files = [file for of_label in pictures.files for file in of_label]
    sizes = {file: file.stat().st_size for file in files}
    if len(files) > MOST_PICTURES or sum(sizes.values()) > MOST_BYTES:
        raise refusal(
            f"{len(files)} pictures of {sum(sizes.values())} bytes are more than are read, {MOST_PICTURES} of "
            f"{MOST_BYTES} bytes: leave some out"
        )
    for file, size in sizes.items():
        if size > largest:
            raise refusal(f"{file.relative_to(pictures.root)} has {size} bytes, over {largest}: scale it down")


def ordered(pictures: Pictures, seed: int) -> tuple[list[list[Path]], int]:
    """The different pictures of each label, and how many were there before; raises for one that has two labels."""
    orders, repeated, owners = [], 0, dict[str, Path]()
    for files in pictures.files:
        by_digest: dict[str, list[Path]] = defaultdict(list)
        for file in files:
            by_digest[hashlib.sha256(file.read_bytes()).hexdigest()].append(file)
        for digest, same in by_digest.items():
            if (other := owners.setdefault(digest, same[0])) != same[0]:
                names = " and ".join(str(file.relative_to(pictures.root)) for file in (other, same[0]))
                raise refusal(f"one picture has two labels: {names}. Keep it in one")
            repeated += len(same) - 1
        # Neither the names of the files nor the order in which they were taken decides what is held back.
        keys = {hashlib.sha256(f"{seed}/{digest}".encode()).digest(): same[0] for digest, same in by_digest.items()}
        orders.append([keys[key] for key in sorted(keys)])
    return orders, repeated


def check_enough(labels: Sequence[str], orders: Sequence[Sequence[Path]], held_back: int) -> None:
    counts = zip(labels, map(len, orders), strict=True)
    few = [f"{label!r} has {count}" for label, count in counts if count <= held_back]
    if few:
        raise refusal(
            f"each label needs at least {held_back + 1} different pictures (PNG, JPEG, WebP), {held_back} of them to "
            f"judge by: {listed(few[:MOST_NAMED], len(few))}"
        )


def chosen_of(order: Sequence[Path], held_back: int, shots: int) -> tuple[Sequence[Path], Sequence[Path]]:
    """(those to adapt with, those that are held back)."""
    return order[held_back : held_back + shots], order[:held_back]


def places_of(chosen: Sequence[tuple[Sequence[Path], Sequence[Path]]], most: int) -> Iterator[tuple[int, int, Path]]:
    """(label, shot, file): the held-back ones come after the most shots of any label."""
    for index, (learned, kept_back) in enumerate(chosen):
        yield from ((index, shot, file) for shot, file in enumerate(learned))
        yield from ((index, most + shot, file) for shot, file in enumerate(kept_back))


def read_picture(root: Path, file: Path, profile: Profile) -> np.ndarray:
    """The canonical tensor of a file."""
    try:
        return canonicalise(file.read_bytes(), profile.side, profile.preprocessing).tensor
    except UnreadableImageError as error:
        raise refusal(f"{file.relative_to(root)} cannot be used: {error}") from error


def refusal(message: str) -> InvalidInputError:
    return InvalidInputError(message, field="references")
