"""The bundled models as a profile that makes its pictures in few steps, for tests that adapt whatever they show."""

import re
from pathlib import Path

from adapters.profiles.library import path_of
from adapters.settings import Settings

QUICK = "mini-quick"


def write_quick_profile(folder: Path) -> Path:
    """The same folder, for `profiles_dir`."""
    folder.mkdir(parents=True, exist_ok=True)
    mini = path_of("mini", Settings()).read_text(encoding="utf-8")
    quick = re.sub(r"^(base_steps|enlarging_steps) = \d+", r"\1 = 5", mini, flags=re.MULTILINE)
    (folder / f"{QUICK}.toml").write_text(quick.replace('name = "mini"', f'name = "{QUICK}"', 1), encoding="utf-8")
    return folder
