"""What this process and its disk are like now, as Prometheus has it."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from adapters.profiles.fingerprint import PREPROCESSING_VERSION, TORCH_VERSION
from service.dependencies import Service
from service.lines import Line


def service_families(service: Service, held_back_lines: int) -> Iterator[Metric]:
    """All of them."""
    yield build_family()
    yield from line_families(service)
    yield from disk_families(service)
    yield CounterMetricFamily(
        "robustify_log_lines_held_back_total", "Requests without a line in the log.", value=held_back_lines
    )


def build_family() -> Metric:
    """`torch` is the release that workers must have; the service itself loads none."""
    labels = {"version": version("robustify"), "preprocessing": PREPROCESSING_VERSION, "torch": TORCH_VERSION}
    family = GaugeMetricFamily("robustify_build_info", "What this service is; always 1.", labels=list(labels))
    family.add_metric(list(labels.values()), 1)
    return family


def line_families(service: Service) -> Iterator[Metric]:
    requests = GaugeMetricFamily(
        "robustify_line_requests", "Requests that are worked on or wait, by what they need.", labels=["line", "state"]
    )
    refused = CounterMetricFamily(
        "robustify_line_refused_total", "Requests for which there was no room.", labels=["line"]
    )
    for name, line in lines_of(service).items():
        requests.add_metric([name, "at_work"], line.at_work)
        requests.add_metric([name, "waiting"], line.waiting)
        refused.add_metric([name], line.refused)
    refused.add_metric(["bytes"], service.in_flight.refused)
    yield requests
    yield refused
    yield GaugeMetricFamily(
        "robustify_body_bytes_in_flight", "Memory reserved for bodies.", value=service.in_flight.held
    )
    yield GaugeMetricFamily("robustify_body_bytes_limit", "As much as there may be.", value=service.in_flight.limit)


def lines_of(service: Service) -> dict[str, Line]:
    return {
        "checking": service.lines.checking,
        "admitting": service.lines.admitting,
        "parsing": service.lines.parsing,
        "planning": service.lines.planning,
        "verifying": service.lines.verifying,
        "decoding-light": service.decoders.light_line,
        "decoding-heavy": service.decoders.heavy_line,
    }


def disk_families(service: Service) -> Iterator[Metric]:
    """Of the disk on which the state folder is; nothing where it cannot be asked."""
    with suppress(OSError):
        usage = shutil.disk_usage(existing(service.settings.state_dir))
        yield GaugeMetricFamily("robustify_disk_free_bytes", "Free where the state is kept.", value=usage.free)
        yield GaugeMetricFamily("robustify_disk_used_bytes", "Used there, by anybody.", value=usage.used)
    yield GaugeMetricFamily(
        "robustify_disk_free_limit_bytes",
        "With less free, nothing is taken.",
        value=service.settings.min_free_bytes,
    )


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it: it is made when something is stored."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
