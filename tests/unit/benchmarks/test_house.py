"""The figures of the house, and the limits that it keeps."""

import ast

import pytest

from benchmarks.house import functions_of, measured, table, top_files, untyped, working_tree

MOST_UNTYPED = 40
MOST_FILES_OF_ADAPTERS = 6
LONGEST_COMMAND = 40
SOURCE = '''
from typing import Any

def long(x: Any) -> Any:
    """Any is a word here."""
    y: list[Any] = []
    return y

class C:
    def short(self): pass
'''


def test_figures_of_a_source() -> None:
    """Names count, not words; a function counts from its `def` to its end, wherever it is."""
    assert untyped(SOURCE) == 3
    assert sorted(functions_of("p/m.py", SOURCE)) == [(1, "p/m.py: short"), (4, "p/m.py: long")]
    sources = {"adapters/a.py": SOURCE, "adapters/b/c.py": SOURCE, "adapters/__init__.py": "x", "README.md": "one\n"}
    assert top_files(sources, "adapters") == 1
    assert measured(sources)["README"] == "1 lines"
    assert "| README | 1 lines | 1 lines |" in table({"before": sources, "now": sources})


def test_house_when_it_grows() -> None:
    """Little is untyped, adapters keeps its top clear, and no function of the command line is long."""
    sources = working_tree()
    commands = [found for path, text in sources.items() if "/commands/" in path for found in functions_of(path, text)]

    assert sum(untyped(text) for path, text in sources.items() if path.endswith(".py")) <= MOST_UNTYPED
    assert top_files({path: text for path, text in sources.items() if text.strip()}, "adapters") <= (
        MOST_FILES_OF_ADAPTERS
    )
    assert max(commands)[0] <= LONGEST_COMMAND


@pytest.mark.parametrize(
    "path", [path for path, text in working_tree().items() if path[-3:] == ".py" and untyped(text)]
)
def test_reason_when_something_is_untyped(path: str) -> None:
    """Each definition that says `Any` says why, in a comment or its docstring: `Any: ...`."""
    text = working_tree()[path]
    tree = ast.parse(text)
    lines = text.splitlines()
    definitions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Assign | ast.AnnAssign)]
    for node in (node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "Any"):
        around = [found for found in definitions if found.lineno <= node.lineno <= (found.end_lineno or 0)]
        first, last = min(found.lineno for found in around), max(found.end_lineno or 0 for found in around)
        assert "Any: " in "\n".join(lines[first - 1 : last + 1]), f"{path}:{node.lineno}"
