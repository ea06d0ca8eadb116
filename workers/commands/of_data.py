"""What the commands that read a data set ask about its images: options that they share, as one group."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from workers.commands.app import Labels, TaskName, Template
from workers.evaluation.data.paper_sets import Prompts

DatasetFolder = Annotated[
    Path,
    typer.Argument(
        metavar="DATASET",
        help="Folder with a folder for each class, with labels.csv, parquet files or tar shards, or of sheets.",
    ),
]
SetName = Annotated[
    str | None, typer.Option("--set", help="One of the paper's sets, as it is published: ImageNet, STL10, Food101, ...")
]
ClassMap = Annotated[
    Path | None, typer.Option("--class-map", help="File that says which label each class folder has: JSON, or lines.")
]
PromptsOfSet = Annotated[
    Prompts | None, typer.Option("--prompts", help="With --set: the usual template, the paper's, or CLIP's ensemble.")
]
Split = Annotated[str | None, typer.Option(help="Split of the data set.")]


@dataclass(frozen=True)
class DataOptions:
    """Which of the images, and what each may be."""

    split: Split = None
    set_name: SetName = None
    class_map: ClassMap = None
    prompts: PromptsOfSet = None
    labels: Labels = None
    task: TaskName = None
    template: Template = None


AS_IT_IS = DataOptions()
"""All images, with the classes that the folder itself has."""


@dataclass(frozen=True)
class AskedData:
    """What the command line says of images and labels."""

    dataset: Path
    limit: int | None
    options: DataOptions

    @property
    def name(self) -> str:
        """For a file of rows."""
        return f"{self.dataset.name}-{self.options.split or 'all'}"
