"""Loading by name: what it takes to load an oracle."""

import subprocess
import sys

LIBRARIES = ("accelerate", "diffusers", "open_clip", "timm", "transformers")
CODE = f"""
import sys
import workers.wiring
from adapters.catalogue import load_models
from adapters.profiles import find_profile
from adapters.settings import Settings

models = load_models(find_profile("oracle-linear"), Settings())
print(type(models).__name__, *(name for name in {LIBRARIES} if name in sys.modules))
"""


def test_oracle_when_it_is_loaded_in_a_new_process() -> None:
    """A worker has it at once: no model library is imported."""
    finished = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert finished.stdout.split() == ["Models"], finished.stderr
