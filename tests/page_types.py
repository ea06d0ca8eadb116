"""`python -m tests.page_types`: the types of the API for JavaScript, made of its description by openapi-typescript.

The file that it writes is kept in the repository, so that nobody needs Node.js; `test_page_types.py` tells when the
description has moved on.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from adapters.canonical_json import canonical_digest
from adapters.settings import Settings
from tests.serving import app_without_queue

GENERATOR = "openapi-typescript@7.10.1"
TYPES = Path(__file__).parents[1] / "service" / "page" / "static" / "openapi.d.ts"
TOLD = ("description", "summary", "title", "example", "examples", "pattern", "version")
"""Of the description: words for people, which are no part of any type."""


def described() -> dict[str, Any]:  # Any: OpenAPI, which is a tree of JSON.
    """The description of the API, without words, and without what is of one installation alone."""
    document: dict[str, Any] = typed(app_without_queue(Settings(state_dir=Path(os.devnull))).openapi())
    return {**document, "info": {"title": "robustify", "version": "1"}, "servers": []}


def typed(part: Any, is_named: bool = False) -> Any:  # Any: likewise.
    """The same without words; `is_named`: the names in it are a client's, and say nothing."""
    if isinstance(part, list):
        return [typed(item) for item in part]
    if not isinstance(part, dict):
        return part
    kept = {name: value for name, value in part.items() if is_named or name not in TOLD}
    if isinstance(kept.get("profile"), dict):
        kept["profile"] = any_text(kept["profile"])
    named = ("properties", "schemas")
    return {name: typed(value, is_named=name in named) for name, value in kept.items()}


def any_text(schema: dict[str, Any]) -> dict[str, Any]:  # Any: likewise.
    """Of a profile: the names are those of one installation."""
    rules = {name: value for name, value in schema.items() if name != "enum"}
    if "anyOf" in rules:
        rules["anyOf"] = [any_text(choice) for choice in rules["anyOf"]]
    return rules


def heading(document: dict[str, Any]) -> str:  # Any: likewise.
    """The first line of the file: what it was made of."""
    return f"// Made by `python -m tests.page_types` of the description {canonical_digest(document)}."


def main() -> None:
    document = described()
    with TemporaryDirectory() as folder:
        source, made = Path(folder, "openapi.json"), Path(folder, "openapi.d.ts")
        source.write_text(json.dumps(document))
        subprocess.run(["npx", "--yes", GENERATOR, str(source), "--output", str(made)], check=True, stdout=sys.stderr)
        TYPES.write_text(f"{heading(document)}\n{made.read_text()}")


if __name__ == "__main__":
    main()
