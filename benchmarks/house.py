"""How the house stands: what lies at the top of each package, how long files and functions are, how much is untyped.

`python -m benchmarks.house` measures the working tree; with revisions, each of them beside it:

    python -m benchmarks.house e9262e2
"""

import ast
import io
import statistics
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).parents[1]
PACKAGES = ("robustify", "adapters", "workers", "service")
COMMAND_LINE = ("workers/cli.py", "workers/commands/")
"""Where the command line was, and is."""
LONGEST_COMMAND = 40

Sources = Mapping[str, str]
"""Path -> text of every Python file of the packages, and of the README."""


def measured(sources: Sources) -> dict[str, str]:
    """The rows of the table."""
    modules = {path: text for path, text in sources.items() if path.endswith(".py") and text.strip()}
    lines = {path: text.count("\n") for path, text in modules.items()}
    functions = [found for path, text in modules.items() for found in functions_of(path, text)]
    longest_length, longest = max(functions)
    largest = max(lines, key=lambda path: lines[path])
    tops = {f"files at the top of `{package}/`": str(top_files(modules, package)) for package in PACKAGES}
    commands = [length for length, name in functions if name.startswith(COMMAND_LINE)]
    return {
        "Python files": str(len(modules)),
        **tops,
        "median file": f"{statistics.median(lines.values()):g} lines",
        "longest file": f"{lines[largest]} lines (`{largest}`)",
        "median function": f"{statistics.median(length for length, _ in functions):g} lines",
        "longest function": f"{longest_length} lines (`{longest}`)",
        f"functions of the command line over {LONGEST_COMMAND} lines": str(sum(n > LONGEST_COMMAND for n in commands)),
        "`Any` in annotations and casts": str(sum(untyped(text) for text in modules.values())),
        "README": f"{sources['README.md'].count(chr(10))} lines",
    }


def top_files(modules: Sources, package: str) -> int:
    """Modules that lie in the package itself; `__init__.py` is none."""
    names = (path.removeprefix(f"{package}/") for path in modules if path.startswith(f"{package}/"))
    return sum("/" not in name and name != "__init__.py" for name in names)


def functions_of(path: str, text: str) -> Iterator[tuple[int, str]]:
    """(lines from `def` to the end, path and name) of each function."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1, f"{path}: {node.name}"


def untyped(text: str) -> int:
    """How often the name `Any` is used, its imports apart."""
    return sum(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(ast.parse(text)))


def working_tree() -> Sources:
    paths = [ROOT / "README.md", *(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def revision(name: str) -> Sources:
    """The tree of a revision, from git."""
    archive = subprocess.run(
        ["git", "archive", name, "README.md", *PACKAGES], cwd=ROOT, check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        members = [member for member in files if member.isfile() and member.name.endswith((".py", ".md"))]
        return {member.name: read(files, member) for member in members}


def read(files: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    content = files.extractfile(member)
    assert content is not None
    return content.read().decode()


def table(columns: Mapping[str, Sources]) -> str:
    """In Markdown: a row for each figure, a column for each tree."""
    figures = {name: measured(sources) for name, sources in columns.items()}
    rows = [["", *figures], ["---"] * (len(figures) + 1)]
    rows += [[row, *(found[row] for found in figures.values())] for row in next(iter(figures.values()))]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main(
    revisions: Annotated[list[str] | None, typer.Argument(help="Revisions to set beside the tree.")] = None,
) -> None:
    typer.echo(table({**{name: revision(name) for name in revisions or ()}, "now": working_tree()}))


if __name__ == "__main__":
    typer.run(main)
