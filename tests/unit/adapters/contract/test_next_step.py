"""The next step of a job, from one reading of the board: no queue is needed to say when a job ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract.adapt import AdaptParameters, adapt_request
from adapters.contract.answer import certify_result
from adapters.contract.jobs import InputImage, JobRecord, JobRequest, JobStatus
from adapters.contract.next_step import CountedPhase, Finish, Select, ShardVotes, Standing, Wait, next_step
from adapters.contract.records import JobKind
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.rules import Selection
from robustify.types import Bound, Phase, PredictTest

IMAGE = InputImage(sha256="a" * 64, height=32, width=32, source_sha256="b" * 64, source_norm=1.0)
SHARD_SAMPLES, N0, N = 100, 150, 1000
SELECTION = {0: [90, 10], 100: [40, 10]}
SHARDS = Looks(SHARD_SAMPLES)
AIMED = {"bound": Bound.ANYTIME, "target_radius": 0.1, "looks": SHARDS}
EARLY = {**AIMED, "selection_looks": Looks(25), "looks": Looks(25, head=100, stride=100)}
"""Of a certificate that may stop early in both phases."""


def request(kind: JobKind = JobKind.CERTIFY, **changes: object) -> JobRequest:
    values = {
        "kind": kind,
        "image": IMAGE,
        "labels": ("left", "right"),
        "template": "{}",
        "sigma": 0.25,
        "n0": N0 if kind is JobKind.CERTIFY else 0,
        "n": N,
        "alpha": 0.001,
        "profile": "oracle-linear",
        "engine": "e",
        "fingerprint": "f",
    }
    return JobRequest.model_validate({**values, **changes})


def standing(
    asked: JobRequest,
    status: JobStatus = JobStatus.RUNNING,
    selected: int | None = None,
    **votes: ShardVotes,
) -> Standing:
    """Votes by phase: the first sample of a shard and what it voted."""
    record = JobRecord(id="job", request=asked, status=status, created_at=0.0, samples_total=N0 + N)
    counted = {
        planned.phase: CountedPhase(planned.cut(SHARD_SAMPLES), votes.get(planned.phase, {}))
        for planned in asked.phases
    }
    samples = 0 if selected is None else sum(map(sum, votes[Phase.SELECT].values()))
    return Standing(record, selected, samples, counted)


def whole(votes: tuple[int, int] = (80, 20)) -> dict[int, list[int]]:
    """Every estimation shard with these votes."""
    return {first: list(votes) for first in range(0, N, SHARD_SAMPLES)}


def test_next_step_when_there_is_nothing_to_do() -> None:
    """A job that is over, and an adaptation, need none."""
    adapting = adapt_request(
        AdaptParameters(name="pets", labels=["cat", "dog"]), find_profile("mini"), Settings(profile="mini")
    )
    adaptation = JobRecord(id="job", request=adapting, status=JobStatus.RUNNING, created_at=0.0, samples_total=1)

    assert next_step(Standing(adaptation)) == Wait()
    for status in JobStatus:
        step = next_step(standing(request(), status, 0, select=SELECTION, estimate=whole()))
        assert isinstance(step, Wait) is status.done


@pytest.mark.parametrize(
    ("shards", "step"),
    [
        ({}, Wait()),
        ({0: [90, 10]}, Wait()),
        ({100: [40, 10]}, Wait()),
        (SELECTION, Select(0, N0)),
        ({0: [40, 60], 100: [10, 40]}, Select(1, N0)),
        ({0: [0, 0], 100: [0, 0]}, Select(0, N0)),
    ],
)
def test_next_step_when_no_class_is_chosen(shards: dict[int, list[int]], step: Wait | Select) -> None:
    """The class is chosen from all selection votes, not before they are in; no estimation vote has a say."""
    assert next_step(standing(request(), select=shards)) == step
    assert next_step(standing(request(), select=shards, estimate=whole((0, 100)))) == step


def test_next_step_when_the_class_is_chosen() -> None:
    """The class that is stored stands, though its votes would choose another now."""
    step = next_step(standing(request(), selected=1, select=SELECTION, estimate=whole()))

    assert step == Finish(Selection(1, [130, 20], N0), Tally(N, (800, 200)))


@pytest.mark.parametrize(
    ("shards", "step"),
    [
        ({0: [25, 0]}, Select(0, 25)),
        ({0: [13, 12]}, Wait()),
        ({0: [13, 12], 50: [0, 25]}, Wait()),
        ({0: [13, 12], 25: [0, 25], 50: [25, 0]}, Select(1, 50)),
    ],
)
def test_next_step_when_the_selection_may_stop_early(shards: dict[int, list[int]], step: Wait | Select) -> None:
    """The first look without a gap at which a class leads clearly chooses it, whatever came after."""
    assert next_step(standing(request(JobKind.CERTIFY, **EARLY), select=shards)) == step


def test_next_step_when_it_looks_more_often_at_first() -> None:
    """Shards are as long as from one look to the next: 25 samples up to 100, then 100."""
    few, votes = {0: [25, 0]}, {first: [17, 8] for first in (0, 25, 50, 75)}
    waiting = standing(request(JobKind.CERTIFY, **EARLY), selected=0, select=few, estimate=votes)
    ended = standing(request(JobKind.CERTIFY, **EARLY), selected=0, select=few, estimate={**votes, 100: [100, 0]})

    assert next_step(waiting) == Wait()
    assert next_step(ended) == Finish(Selection(0, [25, 0], 25), Tally(200, (168, 32)))


@pytest.mark.parametrize("missing", range(0, N, SHARD_SAMPLES))
def test_next_step_when_a_shard_is_missing(missing: int) -> None:
    """A bound at n waits for every shard: 9 of 10 are never taken for all."""
    shards = whole()
    del shards[missing]

    assert next_step(standing(request(), selected=0, select=SELECTION, estimate=shards)) == Wait()


def test_next_step_when_the_first_look_settles_it() -> None:
    """An aim ends with the first look that settles it, whatever more is in by then."""
    sure: dict[int, list[int]] = {0: [100, 0], 100: [100, 0], 500: [0, 100]}
    step = next_step(standing(request(JobKind.CERTIFY, **AIMED), selected=0, select=SELECTION, estimate=sure))

    assert step == Finish(Selection(0, [130, 20], N0), Tally(100, (100, 0)))


def test_next_step_when_the_first_look_is_missing() -> None:
    """What lies behind a gap settles nothing: timing chooses nothing."""
    late = {first: [100, 0] for first in range(100, N, SHARD_SAMPLES)}

    assert next_step(standing(request(JobKind.CERTIFY, **AIMED), selected=0, select=SELECTION, estimate=late)) == Wait()


def test_next_step_of_a_prediction() -> None:
    """It has no selection, and ends with its first clear look, or with all of its samples."""
    early = request(JobKind.PREDICT, test=PredictTest.SEQUENTIAL, looks=SHARDS)

    assert next_step(standing(early, predict={0: [100, 0]})) == Finish(None, Tally(100, (100, 0)))
    assert next_step(standing(early, predict={0: [50, 50]})) == Wait()
    assert next_step(standing(request(JobKind.PREDICT), predict={0: [100, 0]})) == Wait()
    assert next_step(standing(request(JobKind.PREDICT), predict=whole())) == Finish(None, Tally(N, (800, 200)))


@given(votes=st.lists(st.integers(0, 100), min_size=10, max_size=10), present=st.sets(st.integers(0, 9)))
def test_next_step_whatever_is_recorded(votes: list[int], present: set[int]) -> None:
    """With a part of the shards a job waits or ends as it would with all of them; the answer can be made."""
    shards = {number * SHARD_SAMPLES: [votes[number], 100 - votes[number]] for number in range(10)}
    some = {first: shard for first, shard in shards.items() if first // SHARD_SAMPLES in present}
    asked = request(JobKind.CERTIFY, **AIMED)
    last = next_step(standing(asked, selected=0, select=SELECTION, estimate=shards))
    step = next_step(standing(asked, selected=0, select=SELECTION, estimate=some))

    assert isinstance(last, Finish)
    assert isinstance(last.selection, Selection)
    assert step in (Wait(), last)
    assert certify_result(asked, last.selection, last.tally, seconds=0.0).deciding_samples == last.tally.samples
