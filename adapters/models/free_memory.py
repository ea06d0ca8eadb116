"""Whether a larger batch has room in main memory: Linux kills who takes too much, so it is looked at before."""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

KIBIBYTE = 1 << 10
SHARE = 0.5
"""Of the memory that is free: others on the machine need some, and the estimate is a rough one."""
RESET_PEAK = "5"
"""What the kernel takes in `clear_refs` for: from now on (proc_pid_clear_refs(5))."""


@dataclass(frozen=True)
class Headroom:
    """What batches may take, beside the `base` bytes that this process held before the first; None where unknown."""

    base: int | None

    @classmethod
    def now(cls) -> "Headroom":
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text(RESET_PEAK)
        return cls(peak_bytes())

    def fits(self, tried: int, wanted: int) -> bool:
        """Whether `wanted` samples have room, when the largest batch so far, of `tried`, needed what it did; True where
        the system does not say.
        """
        peak, free = peak_bytes(), free_bytes()
        if self.base is None or peak is None or free is None:
            return True
        return more_bytes(peak - self.base, tried, wanted) <= SHARE * free


def more_bytes(taken: int, tried: int, wanted: int) -> int:
    """What `wanted` samples take more than `tried` did: memory grows with the samples of a batch."""
    return max(0, taken * (wanted - tried) // tried)


def peak_bytes() -> int | None:
    """The most that this process has held."""
    return kibibytes(Path("/proc/self/status"), "VmHWM")


def free_bytes() -> int | None:
    """Of the machine, or of the container where that is less."""
    found = [kibibytes(Path("/proc/meminfo"), "MemAvailable"), left_in_container(Path("/sys/fs/cgroup"))]
    return min((size for size in found if size is not None), default=None)


def kibibytes(path: Path, name: str) -> int | None:
    """A line `name:   123 kB` of one of the kernel's files, in bytes."""
    with suppress(OSError):
        if found := re.search(rf"^{name}:\s+(\d+) kB$", path.read_text(), re.MULTILINE):
            return int(found[1]) * KIBIBYTE
    return None


def left_in_container(folder: Path) -> int | None:
    """Of cgroups v2; None where there is no limit."""
    with suppress(OSError, ValueError):
        limit, used = ((folder / name).read_text() for name in ("memory.max", "memory.current"))
        return max(0, int(limit) - int(used))
    return None
