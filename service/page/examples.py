"""GET /examples: pictures that come with the service, to try it with."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from service.access.prefix import prefixed
from service.dependencies import ServiceDependency
from service.openapi import problems

SIDE = 32
LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SOURCE = "CIFAR-10 (Alex Krizhevsky, 2009), test set"
LICENCE = "Published for research without a licence; please cite its report."
TITLES = {
    "horse": "A horse", "cat": "A cat", "ship": "A ship", "frog": "A frog", "automobile": "A car",
    "airplane": "An airplane",
}  # fmt: skip

router = APIRouter(tags=["models"])


class Example(BaseModel):
    """A picture, and what may be asked about it."""

    name: str = Field(examples=["horse"])
    title: str = Field(description="What it shows.", examples=["A horse"])
    labels: Sequence[str] = Field(description="Of which it is one.", examples=[LABELS])
    source: str = Field(description="Where it is from.", examples=[SOURCE])
    licence: str = Field(examples=[LICENCE])
    href: str = Field(description="GET it; no key is needed.", examples=["/page/examples/horse.png"])
    width: int = Field(description="In pixels.", examples=[SIDE])
    height: int = Field(description="In pixels.", examples=[SIDE])


class Examples(BaseModel):
    """What a page that asks this service needs to know first."""

    max_upload_bytes: int = Field(description="How large the file of a picture may be.", examples=[10485760])
    data: Sequence[Example]


@router.get("/examples", operation_id="listExamples", summary="Pictures to try the service with", responses=problems())
async def list_examples(request: Request, service: ServiceDependency) -> Examples:
    """They come with the service, and are the same everywhere."""
    data = [described(name, title, prefixed(request, "")) for name, title in TITLES.items()]
    return Examples(max_upload_bytes=service.settings.max_upload_bytes, data=data)


def described(name: str, title: str, root_path: str) -> Example:
    return Example(
        name=name,
        title=title,
        labels=LABELS,
        source=SOURCE,
        licence=LICENCE,
        href=f"{root_path}/page/examples/{name}.png",
        width=SIDE,
        height=SIDE,
    )
