"""Room for larger batches, as the kernel tells it."""

from pathlib import Path

import pytest

from adapters.models.free_memory import Headroom, free_bytes, kibibytes, left_in_container, more_bytes, peak_bytes


def test_memory_of_this_machine() -> None:
    """A batch as large as before has room; one of a million million times has not."""
    if free_bytes() is None or (peak := peak_bytes()) is None:
        pytest.skip("this system does not say")
    before = Headroom(peak // 2)
    assert before.fits(10, 10)
    assert not before.fits(1, 10**12)
    assert Headroom(None).fits(1, 10**12)


@pytest.mark.parametrize(("tried", "wanted", "more"), [(1, 2, 100), (2, 5, 150), (5, 5, 0), (10, 5, 0)])
def test_estimate(tried: int, wanted: int, more: int) -> None:
    """Memory grows with the samples of a batch."""
    assert more_bytes(100, tried, wanted) == more


def test_lines_of_the_kernel(tmp_path: Path) -> None:
    """A number in kB, or None where there is no such line or file."""
    path = tmp_path / "status"
    path.write_text("VmPeak:\t  10 kB\nVmHWM:\t       7 kB\n")
    assert kibibytes(path, "VmHWM") == 7168
    assert kibibytes(path, "HWM") is None
    assert kibibytes(tmp_path / "none", "VmHWM") is None


def test_limit_of_a_container(tmp_path: Path) -> None:
    """What is left of it; None where there is none."""
    assert left_in_container(tmp_path) is None
    (tmp_path / "memory.current").write_text("70\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert left_in_container(tmp_path) is None
    (tmp_path / "memory.max").write_text("100\n")
    assert left_in_container(tmp_path) == 30
