"""With which votes the job of a request may end: all of them, or the first ones that settle its answer."""

from collections.abc import Iterable, Sequence

from adapters.queue.messages import JobRequest
from robustify.smoothing.looks import Tally
from robustify.smoothing.rules import CertifyRule, Selection, certify_rule
from robustify.smoothing.rules import settled_tally as settled_by_rule
from robustify.smoothing.sequential import settled_tally as settled_prediction


def rule_of(request: JobRequest) -> CertifyRule:
    """The rule of a certificate."""
    return certify_rule(request.smoothing, request.bound, request.target_radius, request.tolerance, request.step)


def settled_tally(request: JobRequest, selection: Selection | None, parts: Iterable[Sequence[int]]) -> Tally | None:
    """The votes to answer with; None where more are needed than there are.

    `parts` are the votes between a look and the next, without a gap: `request.step` samples each, or all where the
    request has none. `selection` is that of a certificate.
    """
    if selection is None:
        return settled_prediction(parts, request.n, request.alpha, request.step or request.n)
    return settled_by_rule(rule_of(request), selection, parts)
