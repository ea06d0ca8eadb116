"""What profiles may say of denoisers from elsewhere."""

import pytest
from pydantic import BaseModel, ValidationError

from adapters.profiles.options.guided_diffusion import GuidedDiffusionOptions
from adapters.profiles.options.prx_pixel import PRXPixelOptions
from adapters.profiles.options.restoration import RestorationOptions
from robustify.errors import InvalidInputError

KINDS = [(RestorationOptions, {"max_sigma": 0.2}), (GuidedDiffusionOptions, {}), (PRXPixelOptions, {})]


@pytest.mark.parametrize(("kind", "least"), KINDS)
def test_options_when_one_is_unknown(kind: type[BaseModel], least: dict[str, object]) -> None:
    """What a kind needs is enough, and a key that it does not know is an error."""
    kind.model_validate(least)
    with pytest.raises(ValidationError, match="Extra inputs"):
        kind.model_validate({**least, "k": 1.8})


@pytest.mark.parametrize("kind", [kind for kind, _ in KINDS])
def test_options_in_a_manual(kind: type[BaseModel]) -> None:
    """Each says in a sentence what it is."""
    assert all((field.description or "").endswith(".") for field in kind.model_fields.values())


@pytest.mark.parametrize("kind", [RestorationOptions, GuidedDiffusionOptions])
@pytest.mark.parametrize(
    "file", ["../model.safetensors", "/model.safetensors", "a/b.safetensors", ".pth", "model.onnx"]
)
def test_file_outside_of_the_folder(kind: type[BaseModel], file: str) -> None:
    """A file is a name of a kind that can be read, not a path."""
    with pytest.raises(ValidationError, match="file"):
        kind.model_validate({"max_sigma": 0.2, "file": file})


@pytest.mark.parametrize(
    "options",
    [{}, {"max_sigma": 0.0}, {"min_sigma": 0.3, "max_sigma": 0.2}, {"max_sigma": "0.2"}, {"max_sigma": float("nan")}],
)
def test_range_that_is_none(options: dict[str, object]) -> None:
    """The most noise of the training has to be said, and lies at or above the least."""
    with pytest.raises(ValidationError):
        RestorationOptions.model_validate(options)


def test_sigma_of_a_range() -> None:
    """Its ends belong to it."""
    options = RestorationOptions(min_sigma=0.1, max_sigma=0.2)
    for sigma in (0.1, 0.15, 0.2):
        options.check_sigma(sigma)
    for sigma in (0.09, 0.21):
        with pytest.raises(InvalidInputError, match=r"choose 0\.1 to 0\.2") as refusal:
            options.check_sigma(sigma)
        assert refusal.value.field == "sigma"
