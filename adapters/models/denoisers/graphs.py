"""A network that is launched as a whole: recorded once as a CUDA graph for batches of one shape, then replayed.

A network of a thousand kernels costs the CPU some microseconds for each, every time; a graph costs one launch. It is
another function up to rounding, since libraries may choose other kernels while they are recorded: `cuda_graphs` is part
of the fingerprint.
"""

import weakref
from collections.abc import Callable
from functools import cached_property

import torch

Network = Callable[[torch.Tensor], torch.Tensor]
Launching = Callable[[Network], Network]
"""From a network to what launches it."""
Run = Callable[[], None]
Recorder = Callable[[Run], Run]
"""From what computes, always with the same tensors, to what computes it again."""
KEPT_GRAPHS = 16
"""Of all tasks and sigmas: each holds some MB of the device, and is soon recorded again. A certificate asks for eight
sigmas at most."""
WARM_UPS = 2
"""Of the first network: libraries make themselves ready when they are first called, which cannot be recorded. Others
call the same kernels, so that a sigma which a client chooses costs no more than a recording."""


def one_by_one(network: Network) -> Network:
    """Kernel by kernel, as torch does it."""
    return network


class CudaGraphs:
    """Launches networks as graphs, for float32 batches (B, C, H, W) of one shape, which is that of their results too.

    All graphs read the same input, write the same output, and share the memory between: one runs at a time, on one
    stream, and what it found is copied before the next one runs. Batches of another shape, and those that gradients may
    be wanted of, go through the network as it is.
    """

    def __init__(self, shape: tuple[int, ...], device: torch.device, record: Recorder | None = None) -> None:
        with torch.inference_mode(False):  # Ordinary tensors can be written to in every mode.
            self.given, self.found = (torch.zeros(shape, device=device) for _ in range(2))
        self.record = record or CudaRecorder(device)
        self._recorded: list[weakref.ref[LaunchedNetwork]] = []

    def __call__(self, network: Network) -> Network:
        return LaunchedNetwork(network, self)

    def takes(self, batch: torch.Tensor) -> bool:
        is_same = (batch.shape, batch.dtype) == (self.given.shape, self.given.dtype)
        return is_same and not torch.is_grad_enabled()

    def keep(self, launched: "LaunchedNetwork") -> None:
        """One that was just recorded; the oldest of too many is forgotten. A network that nobody else has is gone."""
        alive = [found for reference in self._recorded if (found := reference()) is not None]
        for oldest in alive[: max(0, len(alive) + 1 - KEPT_GRAPHS)]:
            oldest.forget()
        self._recorded = [weakref.ref(kept) for kept in [*alive, launched] if kept.is_recorded]


class LaunchedNetwork:
    """One network, recorded when it first meets a batch of the shape."""

    def __init__(self, network: Network, graphs: CudaGraphs) -> None:
        self._network = network
        self._graphs = graphs
        self._replay: Run | None = None

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        graphs = self._graphs
        if not graphs.takes(batch):
            return self._network(batch)
        graphs.given.copy_(batch)
        if self._replay is None:
            self._replay = graphs.record(self._run)
            graphs.keep(self)
        self._replay()
        return graphs.found.clone()

    @property
    def is_recorded(self) -> bool:
        return self._replay is not None

    def forget(self) -> None:
        """It is recorded again when it is next called."""
        self._replay = None

    def _run(self) -> None:
        self._graphs.found.copy_(self._network(self._graphs.given))


class CudaRecorder:
    """Records on a CUDA device; graphs share the memory between input and output while any of them lives."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._is_warm = False
        self._graphs: list[weakref.ref[torch.cuda.CUDAGraph]] = []

    @cached_property
    def _stream(self) -> torch.cuda.Stream:
        return torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]

    def __call__(self, run: Run) -> Run:
        with torch.cuda.device(self._device):
            if not self._is_warm:
                self._warm_up(run)
            other, graph = self._any_alive(), torch.cuda.CUDAGraph()
            pool = None if other is None else other.pool()
            # The other threads of a worker may do what they like meanwhile.
            with torch.cuda.graph(graph, pool, self._stream, capture_error_mode="thread_local"):
                run()
        self._graphs.append(weakref.ref(graph))
        return graph.replay

    def _warm_up(self, run: Run) -> None:
        """On the stream of the recording: what libraries allocate for a stream is there before it begins."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            for _ in range(WARM_UPS):
                run()
        self._is_warm = True

    def _any_alive(self) -> torch.cuda.CUDAGraph | None:
        self._graphs = [reference for reference in self._graphs if reference() is not None]
        return self._graphs[0]() if self._graphs else None
