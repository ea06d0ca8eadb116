"""Puts copies of the modules that check certificates into the wheel: one source, in the repository beside this folder.

Installed editable, the client uses the repository's own modules. In a wheel they stand under
`robustify_client.shared`, since their own names are too general for somebody else's environment; their imports are
changed to that, and nothing else.
"""

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = ("adapters", "robustify")
ENTRIES = ("adapters.certificates.checks", "adapters.certificates.signature_checks", "adapters.contract.keys")
DATA = ("adapters/contract/clip_merges.txt.gz",)
"""Files that lie beside these modules."""
PLACE = "robustify_client.shared"
IMPORT = re.compile(rf"^(\s*)from ({'|'.join(SHARED)})(?=[. ])", re.MULTILINE)


class BuildWithShared(build_py):
    """The package, and what it shares with the service."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            copy_shared(Path(self.build_lib))


def copy_shared(library: Path) -> None:
    """Writes the shared modules into a folder that becomes the wheel."""
    place = library.joinpath(*PLACE.split("."))
    shutil.rmtree(place, ignore_errors=True)
    for file in shared_files():
        write(place / file.relative_to(REPOSITORY), moved(file.read_text(encoding="utf-8")))
    write(place / "__init__.py", '"""Copies of the modules of the service that check certificates."""\n')
    for name in DATA:
        shutil.copy(REPOSITORY / name, place / name)
    for file in library.joinpath("robustify_client").glob("*.py"):
        write(file, moved(file.read_text(encoding="utf-8")))


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def moved(source: str) -> str:
    """The text of a module in which what is shared is imported from its new place."""
    return IMPORT.sub(rf"\1from {PLACE}.\2", source)


def shared_files() -> list[Path]:
    """Every module that the entries import, at any place, with the packages that they stand in."""
    waiting, found = list(ENTRIES), dict[str, Path]()
    while waiting:
        name = waiting.pop()
        file = file_of(name)
        if file is None or name in found:
            continue
        found[name] = file
        waiting.extend(imported(file))
        if "." in name:
            waiting.append(name.rpartition(".")[0])
    return sorted(found.values())


def file_of(module: str) -> "Path | None":
    """Where a module of the repository lies; None where it is none, such as a name that is imported from one."""
    path = REPOSITORY.joinpath(*module.split("."))
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    return None


def imported(file: Path) -> Iterator[str]:
    """The names of the shared packages that a module imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in SHARED:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        if isinstance(node, ast.Import) and any(alias.name.split(".")[0] in SHARED for alias in node.names):
            raise SystemExit(f"{file}: what is shared is imported as `from ... import ...`, so that it can be moved")


setup(cmdclass={"build_py": BuildWithShared})
