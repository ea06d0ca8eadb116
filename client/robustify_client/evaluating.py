"""How well a service does on labelled images: what is asked, and what the answers add up to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Union

from robustify_client.errors import UsageError, printable
from robustify_client.images import ImageLike
from robustify_client.mapping import MapItem
from robustify_client.records import CertifyResult, PredictResult, Record

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
RADII = (0.0, 0.25, 0.5, 0.75, 1.0)
"""At which certified accuracy is told."""
LabelledImage = tuple[ImageLike, str]
Labelled = Union[str, "os.PathLike[str]", Iterable[LabelledImage]]
OneSet = PredictResult | CertifyResult


class EvaluatedImage(Record):
    """One image: `truth` is its label, `label` what was answered, `problem` why there is no answer."""

    index: int
    name: str
    truth: str
    outcome: str | None = None
    label: str | None = None
    radius: float | None = None
    problem: str | None = None

    @property
    def is_correct(self) -> bool:
        return self.label == self.truth

    def is_certified_at(self, radius: float) -> bool:
        return self.is_correct and self.radius is not None and self.radius >= radius


class CertifiedAccuracy(Record):
    """The share of images that are certified as their label for `radius` or more."""

    radius: float
    share: float


class Evaluation(Record):
    """What the answers about all images add up to; those without an answer are counted apart, as `failed`.

    `accuracy`: the share whose label was answered. `abstained`: the share without a claim. The last two are of
    certificates alone; the average radius counts 0 where the label is wrong or nothing is certified.
    """

    kind: str
    images: int
    failed: int
    accuracy: float
    abstained: float
    certified_accuracy: tuple[CertifiedAccuracy, ...] = ()
    average_certified_radius: float | None = None
    rows: tuple[EvaluatedImage, ...]


def labelled_images(
    data: Labelled, labels: Sequence[str] | None
) -> tuple[Iterable[LabelledImage], Sequence[str] | None]:
    """The images with their labels, and all labels: of a folder with a folder for each label, or as they are given."""
    if not isinstance(data, (str, os.PathLike)):
        return data, labels
    root = Path(data)
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else []
    named = [(file, folder.name) for folder in folders for file in pictures_in(folder)]
    if not named:
        raise UsageError(f"{str(root)[:200]} has no folder of pictures for each label", field="data")
    return named, [folder.name for folder in folders] if labels is None else labels


def pictures_in(folder: Path) -> list[Path]:
    """Files by their name, hidden ones left out."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()
    )


def row_of(item: MapItem[LabelledImage, OneSet]) -> EvaluatedImage:
    """What became of an image."""
    image, truth = item.image
    name = Path(image).name if isinstance(image, (str, os.PathLike)) else str(item.index)
    if item.result is None:
        return EvaluatedImage(index=item.index, name=name, truth=truth, problem=printable(str(item.error)))
    result = item.result
    radius = result.radius if isinstance(result, CertifyResult) else None
    return EvaluatedImage(
        index=item.index, name=name, truth=truth, outcome=result.outcome, label=result.label, radius=radius
    )


def evaluation_of(kind: str, rows: Sequence[EvaluatedImage], radii: Sequence[float] = RADII) -> Evaluation:
    """The figures of all rows."""
    answered = [row for row in rows if row.problem is None]
    figures = Evaluation(
        kind=kind,
        images=len(answered),
        failed=len(rows) - len(answered),
        accuracy=share([row.is_correct for row in answered]),
        abstained=share([row.outcome not in ("predicted", "certified") for row in answered]),
        rows=tuple(rows),
    )
    return figures if kind == "predict" else figures.model_copy(update=certified_figures(answered, radii))


def certified_figures(rows: Sequence[EvaluatedImage], radii: Sequence[float]) -> dict[str, object]:
    """Of certificates alone, by the names of their fields."""
    at = [
        CertifiedAccuracy(radius=radius, share=share([row.is_certified_at(radius) for row in rows])) for radius in radii
    ]
    certified = [row.radius if row.is_correct and row.radius is not None else 0.0 for row in rows]
    return {
        "certified_accuracy": tuple(at),
        "average_certified_radius": sum(certified) / len(certified) if certified else 0.0,
    }


def share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else 0.0
