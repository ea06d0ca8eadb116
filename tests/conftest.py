"""What all tests share: threads, the order of files, and the rule for tests that need a CUDA device.

pytest reads this before any test, also where the tests need next to nothing: it loads no package of ours or a vendor's.
"""

import os
from pathlib import Path

import pytest

INTEGRATION = Path(__file__).with_name("integration")
"""All that is in it starts processes, which takes longer than many of its tests do: `slow` as a whole."""

LONGEST_FIRST = (
    "test_cli.py", "test_fault_matrix.py", "test_stack.py", "test_full_disk.py", "test_adaptation.py",
    "test_page_paths.py", "test_seven_hosts.py", "test_models_command.py", "test_own_models.py", "test_http_day.py",
    "test_off_the_shelf.py", "test_bundled_models.py", "test_worker_faults.py", "test_termination.py",
    "test_http_connections.py", "test_black_box.py", "test_adversary.py", "test_adaptation_memory.py",
    "test_comparison_adaptations.py", "test_comparison_runs.py",
)  # fmt: skip
"""Where files are run side by side these begin, so that no process is left alone with one of them in the end.

The first keeps two workers of its own at work: beside it come those that wait for most of their time.
"""


def pytest_configure() -> None:
    # Where processes side by side each compute on all cores, their threads wait for one another most of the time: on
    # two cores, a test of ten seconds took a minute. What the tests start inherits it.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(INTEGRATION):
            item.add_marker(pytest.mark.slow)
    needing_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if needing_gpu and not has_cuda_device():
        for item in needing_gpu:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=rank)


def rank(item: pytest.Item) -> int:
    """Of the item's file; those that are not named stay in order behind the others."""
    return LONGEST_FIRST.index(item.path.name) if item.path.name in LONGEST_FIRST else len(LONGEST_FIRST)


def has_cuda_device() -> bool:
    # Imported here, because most test runs need no torch and would pay a second for it.
    import torch

    return torch.cuda.is_available()
