"""One template or several: what a request may say, how many prompts that makes, and how an ensemble is written down."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Protocol

from pydantic import Field
from pydantic.config import JsonDict

from adapters.contract.fields import ANY, FieldProblem, not_both
from robustify.types import Task

MAX_PROMPTS = 20_000
"""Labels times templates: the text encoder reads each once, before the first sample."""
ONE_KIND_OF_TEMPLATE: JsonDict = not_both(template=ANY, templates=ANY)
"""Of a JSON schema."""
EXAMPLE_ENSEMBLE = ("a photo of a {}", "a drawing of a {}")


def is_none(templates: Sequence[str]) -> bool:
    return not templates


WrittenTemplates = Annotated[
    tuple[str, ...],
    Field(
        description="Of a prompt ensemble, all templates in order, of which `template` is the first; not there where "
        "`template` is the only one.",
        examples=[EXAMPLE_ENSEMBLE],
        # So that all that was written before there were ensembles stays as it was, with its digests.
        exclude_if=is_none,
    ),
]


def prompt_fields(templates: Sequence[str]) -> dict[str, object]:
    """What a request says of these templates: nothing, one, or an ensemble."""
    if len(templates) > 1:
        return {"templates": [*templates]}
    return {"template": templates[0]} if templates else {}


class Prompted(Protocol):
    """A request that may give one template or several."""

    @property
    def template(self) -> str: ...

    @property
    def templates(self) -> list[str] | None: ...

    @property
    def model_fields_set(self) -> set[str]: ...


def task_of(labels: Sequence[str], prompted: Prompted, usual: Sequence[str] = ()) -> Task:
    """The labels with the templates that a request gives, or else the profile's usual ones, or the default."""
    return Task.of(labels, templates_of(prompted, usual))


def templates_of(prompted: Prompted, usual: Sequence[str]) -> Sequence[str]:
    is_silent = prompted.templates is None and "template" not in prompted.model_fields_set
    return usual if usual and is_silent else prompted.templates or [prompted.template]


def check_templates_fit(labels: Sequence[str], prompted: Prompted, usual: Sequence[str] = ()) -> Iterator[FieldProblem]:
    """Whether one field says what the prompts are, and how many they are."""
    if prompted.templates is not None and "template" in prompted.model_fields_set:
        yield FieldProblem(field="templates", detail="Give either template or templates.")
    templates = templates_of(prompted, usual)
    prompts = len(labels) * len(templates)
    if prompts > MAX_PROMPTS:
        yield FieldProblem(
            field="templates",
            detail=f"{len(labels)} labels in {len(templates)} templates are {prompts} prompts, and "
            f"{MAX_PROMPTS} may be embedded: give fewer templates or labels.",
        )
