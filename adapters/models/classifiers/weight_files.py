"""Weights are read from safetensors alone: a pickle can run code, and no folder with nothing else is loaded."""

from pathlib import Path

from robustify.errors import ModelFilesError

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".tar")
SAFETENSORS = "model.safetensors"
INDEX = "model.safetensors.index.json"
"""Of weights in several files."""


def check_weight_files(folder: Path) -> None:
    """Raises ModelFilesError where the folder has no weights that are loaded."""
    if (folder / SAFETENSORS).is_file() or (folder / INDEX).is_file():
        return
    if pickle := next((path.name for path in sorted(folder.glob("*")) if path.suffix in PICKLES), None):
        raise ModelFilesError(
            f"the classifier has {pickle}, which is a pickle and is never loaded: save its weights as {SAFETENSORS}"
        )
    raise ModelFilesError(f"the classifier has no {SAFETENSORS}: restore the models")
