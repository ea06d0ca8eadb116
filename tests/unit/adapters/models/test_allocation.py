"""Memory that a batch has freed stays for the next."""

import ctypes
import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np

def batch():
    return [np.full(3 << 20, 1, np.uint8) for _ in range(20)]

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if sys.argv[1] == "kept":
    from adapters.models.memory import keep_freed_memory
    keep_freed_memory()
batch()
before = faults()
for _ in range(5):
    batch()
print(faults() - before)
"""


def faults(how: str) -> int:
    command = [sys.executable, "-c", CODE, how]
    return int(subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs the GNU C library")
def test_batches_when_freed_memory_is_kept() -> None:
    """Later batches find their pages where the first left them; without, the kernel gives new ones every time."""
    assert faults("kept") < 0.1 * faults("returned")
