"""`robustify concepts`: the concepts that an image is most similar to, before and after an attack (Fig. 5)."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic_core import PydanticCustomError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters.contract.labels import check_templates
from adapters.images import canonicalise
from adapters.profiles.library import served_profile
from robustify.errors import InvalidInputError
from robustify.types import DEFAULT_TEMPLATE
from workers.commands.app import AsJson, ImageFile, ProfileName, Template, app, settings_with, show
from workers.commands.asking import read_image
from workers.commands.measuring import USUAL_SIGMA, KnownSigma
from workers.evaluation.concepts.lists import concepts_of
from workers.evaluation.concepts.ranking import Concepts, Ranking, Seen, ranking

if TYPE_CHECKING:
    # These load torch, and every command imports this file.
    import numpy as np

    from workers.evaluation.concepts.similarity import Seer, View

ConceptFile = Annotated[Path | None, typer.Option("--concepts", help="File of concepts, one a line.")]
ConceptNames = Annotated[list[str] | None, typer.Option("--concept", help="A concept; repeat it.")]
AttackOfImage = Annotated[
    Path | None, typer.Option("--attack", help="Folder of `robustify attack` that has an image of this one.")
]
Copies = Annotated[int, typer.Option("--n", help="Noisy copies that similarities are the mean of.", min=1)]
Top = Annotated[int, typer.Option("--top", help="Concepts that are told.", min=1, max=1000)]


@app.command()
def concepts(
    image: ImageFile,
    concepts: ConceptFile = None,
    concept: ConceptNames = None,
    attack: AttackOfImage = None,
    template: Template = None,
    sigma: KnownSigma = USUAL_SIGMA,
    n: Copies = 100,
    top: Top = 5,
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Tell which concepts an image is most similar to: plain, under noise and denoised, before and after an attack."""
    asked, templates = concepts_of(concepts, concept or ()), checked_templates(template)
    data, settings = read_image(image), settings_with(profile=profile)
    served = served_profile(settings)
    clean = canonicalise(data, served.side, served.preprocessing).tensor

    # Imported once what was asked is in order: the model libraries take seconds.
    from workers.evaluation.concepts.attacked import attacked_image
    from workers.evaluation.concepts.similarity import View, seer_of

    found = attacked_image(attack, hashlib.sha256(data).hexdigest(), clean) if attack else None
    seer = seer_of(settings, asked, templates)
    after = found.image if found else None
    document = Concepts(
        image=image.name,
        profile=served.name,
        concepts=len(asked),
        sigma=sigma,
        copies=n,
        attacked=found.defence if found else None,
        distance=found.row.distance if found else None,
        seen=tuple(seen(seer, view, clean, after, sigma, n, top) for view in View),
    )
    show(document, as_json, print_concepts)


def checked_templates(template: list[str] | None) -> list[str]:
    """Raises InvalidInputError for one that has no place for a concept."""
    try:
        return check_templates(template or [DEFAULT_TEMPLATE])
    except PydanticCustomError as error:
        raise InvalidInputError(str(error), field="template") from error


def seen(
    seer: "Seer", view: "View", clean: "np.ndarray", after: "np.ndarray | None", sigma: float, copies: int, top: int
) -> Seen:
    """One way to look at both images (3, H, W)."""
    before = ranking(seer.concepts, seer.cosines(clean, view, sigma, copies), seer.scale, top)
    if after is None:
        return Seen(view=view.value, before=before, after=None)
    cosines = seer.cosines(after, view, sigma, copies)
    return Seen(view=view.value, before=before, after=ranking(seer.concepts, cosines, seer.scale, top, before))


def print_concepts(console: Console, found: Concepts) -> None:
    for one in found.seen:
        table = Table("before", "similarity", "share", box=None, pad_edge=False, title=one.view, title_justify="left")
        columns = [one.before]
        if one.after is not None:
            columns.append(one.after)
            for name in ("after", "similarity", "share"):
                table.add_column(name)
        for place in range(len(one.before.top)):
            table.add_row(*(cell for column in columns for cell in cells(column, place)))
        console.print(table)
        if one.after is not None:
            console.print(f"{one.after.kept} of {len(one.before.top)} are the same\n")


def cells(column: Ranking, place: int) -> tuple[Text, str, str]:
    ranked = column.top[place]
    return Text(ranked.concept), f"{ranked.similarity:.3f}", f"{ranked.share:.1%}"
