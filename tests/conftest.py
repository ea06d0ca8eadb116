"""The rule for tests that need a CUDA device. pytest reads this before any test, also where the tests need next to
nothing: it loads no package of ours and no vendor's.
"""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    needing_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if needing_gpu and not has_cuda_device():
        for item in needing_gpu:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


def has_cuda_device() -> bool:
    # Imported here, because most test runs need no torch and would pay a second for it.
    import torch

    return torch.cuda.is_available()
