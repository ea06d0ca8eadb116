"""One scrape: the board is read, and told with what the process counts by itself."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import anyio
import anyio.to_thread
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from adapters.profiles.fingerprint import engine_digest
from robustify.errors import ModelError, QueueUnavailableError
from service.dependencies import Service
from service.watching.access_log import AccessLog
from service.watching.board_families import BoardReading, board_families
from service.watching.requests import RequestMetrics
from service.watching.service_families import service_families

READING_SECONDS = 4.0
"""Prometheus waits ten seconds for a scrape: with a queue server that hangs it is still told the rest."""

log = logging.getLogger(__name__)


class Metrics:
    """What is counted from the start of the process on, in a registry of the application's own."""

    def __init__(self, service: Service) -> None:
        self.registry = CollectorRegistry()
        self.requests = RequestMetrics(self.registry)
        self.registry.register(service.decoders.seconds)
        ProcessCollector(registry=self.registry)


@dataclass(frozen=True)
class Scrape(Collector):
    """Everything at one moment; `reading` is None where the queue does not answer."""

    service: Service
    metrics: Metrics
    log: AccessLog
    reading: BoardReading | None

    def collect(self) -> Iterator[Metric]:
        yield from map(without_birth, self.metrics.registry.collect())
        yield from service_families(self.service, self.log.held_back)
        yield GaugeMetricFamily(
            "robustify_queue_up", "Whether the queue server answers.", value=float(self.reading is not None)
        )
        if self.reading is not None:
            yield from board_families(self.reading, engines_of(self.service))


def without_birth(family: Metric) -> Metric:
    """A family without the moments at which its series began: as gauges they would double their number."""
    family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
    return family


async def exposition(service: Service, metrics: Metrics, access_log: AccessLog) -> bytes:
    """The text that Prometheus reads."""
    scrape = Scrape(service, metrics, access_log, await reading_in_time(service))
    return await anyio.to_thread.run_sync(generate_latest, scrape)


async def reading_in_time(service: Service) -> BoardReading | None:
    with anyio.move_on_after(READING_SECONDS):
        return await anyio.to_thread.run_sync(read_board, service, abandon_on_cancel=True)
    log.warning("the queue server takes too long to tell its figures")
    return None


def read_board(service: Service) -> BoardReading | None:
    board = service.board
    try:
        figures = board.figures()
        engines = {*engines_of(service), *(worker.engine for worker in figures.workers)}
        return BoardReading(figures, board.ledger(), board.memory(), board.backlog(sorted(engines)))
    except QueueUnavailableError as error:
        log.warning("the queue server does not tell its figures: %s", error)
        return None


def engines_of(service: Service) -> dict[str, str]:
    """Those that this service asks, with the names of their profiles; without one whose models are not in place."""
    found = {}
    for name, profile in service.profiles.items():
        with suppress(ModelError, OSError):
            found[engine_digest(profile, service.settings)] = name
    return found
