"""What the job board counts, as Prometheus has it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from adapters.contract.figures import Backlog, Figures, QueueMemory
from adapters.contract.jobs import WorkerRecord
from adapters.contract.ledger import Ledger
from adapters.contract.records import JobKind

ENGINE_LETTERS = 8
ENGINE_LABELS = ("engine", "profile")
LIMITS = ("0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "300", "1800", "+Inf")
"""Of the board's distributions, in seconds, as the board's script writes them."""
ENDS = ("failed", "canceled", "expired")
OUTCOMES: Mapping[JobKind, Sequence[str]] = MappingProxyType(
    {
        JobKind.PREDICT: (*ENDS, "stored", "predicted", "abstained"),
        JobKind.CERTIFY: (*ENDS, "stored", "certified", "abstained", "not_certified", "undecided"),
        JobKind.PREVIEW: (*ENDS, "previewed"),
        JobKind.ADAPT: (*ENDS, "registered", "published", "not_published"),
    }
)
REFUSALS = ("full", "owner-full", "quota", "bytes", "questions")
SHARDS = (
    "counted", "lost", "failed", "buried", "not-live", "other-phase", "not-planned", "duplicate", "no-votes",
    "other-fingerprint", "impossible-votes",
)  # fmt: skip
DELIVERIES = ("delivered", "failed", "refused", "forgotten", "gone")


@dataclass(frozen=True)
class BoardReading:
    """The board at one moment; `memory` where its server tells it, `backlog` of the engines that matter."""

    figures: Figures
    ledger: Ledger
    memory: QueueMemory | None
    backlog: Sequence[Backlog] = ()


def board_families(reading: BoardReading, asked: Mapping[str, str]) -> Iterator[Metric]:
    """All of them; `asked` are the engines that this service asks, which are counted where they have no worker too, and
    their profiles.
    """
    figures = reading.figures
    yield from counter_families(figures.counters)
    yield from waiting_families(figures)
    for what, name, help_text in (
        ("queued", "robustify_job_queue_seconds", "From the moment that a job could begin to its beginning."),
        ("compute", "robustify_job_compute_seconds", "From the beginning of a job to its end."),
    ):
        yield histogram_family(figures.counters, what, name, help_text)
    names = profiles_of_engines(figures.workers, asked)
    yield backlog_family(reading.backlog, names)
    yield from worker_families(figures.workers, names)
    yield from ledger_families(reading.ledger)
    if reading.memory is not None:
        yield from memory_families(reading.memory)


def counter_families(counters: Mapping[str, float]) -> Iterator[Metric]:
    """Those that are counted from the beginning are there with 0 before they happen, so that the first one shows."""
    yield labelled(
        "robustify_jobs_total",
        "Jobs that ended, by what became of them.",
        ("kind", "outcome"),
        below(counters, "jobs"),
        [(kind, outcome) for kind, outcomes in OUTCOMES.items() for outcome in outcomes],
    )
    for name, help_text, label, first, known in (
        ("robustify_submissions_refused_total", "Jobs that the board did not take.", "reason", "refused", REFUSALS),
        ("robustify_shards_total", "Shards, by what became of their votes.", "result", "shards", SHARDS),
        ("robustify_samples_total", "Samples whose votes were recorded.", "kind", "samples", tuple(OUTCOMES)[:2]),
        ("robustify_webhook_deliveries_total", "Attempts to tell owners.", "result", "deliveries", DELIVERIES),
    ):
        yield labelled(name, help_text, (label,), below(counters, first), [(value,) for value in known])
    lacking = counters.get("votes:lacking", 0.0)
    yield CounterMetricFamily("robustify_votes_lacking_total", "Samples that got no vote.", value=lacking)


def below(counters: Mapping[str, float], first: str) -> dict[tuple[str, ...], float]:
    """The counters whose names begin with a word, by the words that follow."""
    split = {tuple(name.split(":")): value for name, value in counters.items()}
    return {words[1:]: value for words, value in split.items() if words[0] == first}


def labelled(
    name: str,
    help_text: str,
    labels: Sequence[str],
    values: Mapping[tuple[str, ...], float],
    known: Sequence[tuple[str, ...]],
) -> Metric:
    family = CounterMetricFamily(name, help_text, labels=labels)
    for words in sorted({*known, *values}):
        if len(words) == len(labels):
            family.add_metric(words, values.get(words, 0.0))
    return family


def waiting_families(figures: Figures) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("robustify_jobs_waiting", "Jobs that nobody has begun.", labels=["kind"])
    oldest = GaugeMetricFamily(
        "robustify_jobs_oldest_wait_seconds", "How long the first of them has waited.", labels=["kind"]
    )
    for kind, jobs in figures.waiting.items():
        waiting.add_metric([kind], jobs.jobs)
        oldest.add_metric([kind], jobs.oldest_seconds)
    yield waiting
    yield oldest
    yield GaugeMetricFamily("robustify_jobs_running", "Jobs that have begun and not ended.", value=figures.running)
    yield GaugeMetricFamily("robustify_images_stored", "Canonical images that are kept.", value=figures.images)
    yield GaugeMetricFamily(
        "robustify_webhook_deliveries_waiting", "Owners that are to be told.", value=figures.deliveries
    )


def histogram_family(counters: Mapping[str, float], what: str, name: str, help_text: str) -> Metric:
    family = HistogramMetricFamily(name, help_text, labels=["kind"])
    found = below(counters, what)
    for kind in OUTCOMES:
        counts = [found.get((kind, limit), 0.0) for limit in LIMITS]
        buckets = [(limit_label(limit), sum(counts[: index + 1])) for index, limit in enumerate(LIMITS)]
        family.add_metric([kind], buckets, found.get((kind, "sum"), 0.0))
    return family


def limit_label(limit: str) -> str:
    """As Prometheus's own clients write it, 1.0 for 1."""
    return limit if limit == "+Inf" else str(float(limit))


def profiles_of_engines(workers: Sequence[WorkerRecord], asked: Mapping[str, str]) -> Mapping[str, str]:
    """Every engine that is asked or has a worker, with the name of its profile."""
    return {worker.engine: worker.profile for worker in workers} | dict(asked)


def backlog_family(backlog: Sequence[Backlog], names: Mapping[str, str]) -> Metric:
    """What those go by that start and stop workers."""
    family = GaugeMetricFamily(
        "robustify_backlog_shards",
        "Shards that are wanted and not recorded, and one for each job that nobody has begun; 0 when nothing is left.",
        labels=[*ENGINE_LABELS, "kind"],
    )
    for left in backlog:
        family.add_metric([left.engine[:ENGINE_LETTERS], names.get(left.engine, ""), left.kind], left.steps)
    return family


def worker_families(workers: Sequence[WorkerRecord], names: Mapping[str, str]) -> Iterator[Metric]:
    """An engine is what workers compute alike: profile, models and settings. Eight letters of its digest tell it."""
    alive = GaugeMetricFamily("robustify_workers_alive", "Workers that gave a sign lately.", labels=ENGINE_LABELS)
    speed = GaugeMetricFamily(
        "robustify_worker_samples_per_second", "What they count while they work, together.", labels=ENGINE_LABELS
    )
    sign = GaugeMetricFamily(
        "robustify_worker_last_sign_timestamp_seconds", "When one of them gave the last sign.", labels=ENGINE_LABELS
    )
    for name in sorted(names):
        own = [worker for worker in workers if worker.engine == name]
        label = [name[:ENGINE_LETTERS], names[name]]
        alive.add_metric(label, len(own))
        speed.add_metric(label, sum(worker.samples_per_second or 0.0 for worker in own))
        if own:
            sign.add_metric(label, max(worker.seen_at or worker.started_at for worker in own))
    yield alive
    yield speed
    yield sign


def ledger_families(ledger: Ledger) -> Iterator[Metric]:
    issued = CounterMetricFamily(
        "robustify_ledger_outcomes_total", "Outcomes that were given out, abstentions too.", labels=["kind"]
    )
    alpha = GaugeMetricFamily(
        "robustify_ledger_alpha", "With at most this probability any of them is wrong.", labels=["kind"]
    )
    for kind, account in ((JobKind.CERTIFY, ledger.certificates), (JobKind.PREDICT, ledger.predictions)):
        issued.add_metric([kind], account.issued)
        alpha.add_metric([kind], account.alpha)
    yield issued
    yield alpha


def memory_families(memory: QueueMemory) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "robustify_queue_memory_bytes", "Memory that the queue server has taken.", value=memory.used_bytes
    )
    yield GaugeMetricFamily(
        "robustify_queue_memory_limit_bytes", "How much it may take; 0 for any.", value=memory.limit_bytes
    )
