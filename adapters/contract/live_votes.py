"""Votes that are shown while they are counted: only where looking at them is sound.

The sequential test and the anytime bound hold at every planned look, whoever looks. A bound of n samples holds at n
alone: who could stop there when the votes please would have a claim that is wrong more often than alpha. And the votes
that choose a class are nobody's to see before it is chosen.
"""

from collections import deque
from typing import TypeGuard

from adapters.contract.answer import label_votes
from adapters.contract.jobs import AnyRequest, JobRequest
from adapters.contract.next_step import CountedPhase
from adapters.contract.records import JobKind
from adapters.contract.results import LabelVotes
from robustify.smoothing.looks import tallies
from robustify.types import Bound, PredictTest


def may_be_watched(request: AnyRequest) -> TypeGuard[JobRequest]:
    """Whether the votes of the last phase may be looked at before the end."""
    if not isinstance(request, JobRequest) or request.looks is None or request.has_sets:
        return False
    if request.kind is JobKind.PREDICT:
        return request.test is PredictTest.SEQUENTIAL
    return request.bound is Bound.ANYTIME


def live_votes(request: JobRequest, counted: CountedPhase) -> tuple[LabelVotes, ...] | None:
    """Those up to the last planned look without a gap before it; None before the first, or where they may not be
    watched."""
    if not may_be_watched(request) or request.looks is None:
        return None
    looked_at = tallies(counted.without_gap(request.n), request.looks, request.n)
    last = deque(looked_at, maxlen=1)
    return label_votes(request, last[0].votes) if last else None
