"""PREDICT and CERTIFY as they are served: Algorithm 1 of the paper, under a rule that says when it may stop.

Read it beside Algorithm 1, whose lines are named here. Under the rules of the paper (`FixedTest`, and `AllSamples` by
Clopper-Pearson) there is one look, at n, and what is decided then is in `decisions.py`. A rule that looks before n too
has a test or a bound that allows for it. What a rule is stands in `rules.py`; the rules are in `predict_rules.py` and
`certify_rules.py`. Votes come from any function that counts them: nothing is known here of images and models.

More careful than the paper: a sample without a vote counts against the class that is claimed, and a class that no
selection sample voted for is not claimed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from robustify.counting import VoteCounter
from robustify.smoothing.decisions import check_votes, select
from robustify.smoothing.looks import Tally, counted, tallies
from robustify.smoothing.rules import CertifyRule, ForClass, PredictRule, Selection, StoppingRule, Verdict
from robustify.types import Prediction


@dataclass(frozen=True)
class Certified:
    """What CERTIFY found: the class that was chosen, the votes that it stopped with, and what they say of the class."""

    selection: Selection
    tally: Tally
    verdict: Verdict


def predict(rule: PredictRule, count_votes: VoteCounter) -> Prediction:
    """The class that the smoothed classifier returns, or abstain; wrong with probability at most alpha.

    1. Count votes under noise, from one look to the next (line 2).
    2. Stop at the first look that settles the answer, at n at the latest.
    3. Is the lead of the top class significant at the level alpha? Return it, or abstain (lines 3 to 9).
    """
    # 1.
    parts = counted(count_votes, rule.looks, rule.n)
    # 2.
    tally = first_settling_look(rule, parts)
    assert tally is not None
    # 3.
    return rule.prediction(tally)


def certify(rule: CertifyRule, count_selection_votes: VoteCounter, count_estimation_votes: VoteCounter) -> Certified:
    """A class and a radius within which it does not change, or no radius; wrong with probability at most alpha.

    1. Count selection votes under noise, up to the look at which the leader is clear, n0 at most (line 12).
    2. Choose the class with most of them (line 13). It stays, whatever the estimation votes say.
    3. Count estimation votes, under noise that is independent of that of 1, from one look to the next (line 14). Only
       because of that may the class be taken as given when its probability is bounded, however it was chosen.
    4. Stop at the first look that settles the answer, at n at the latest.
    5. Bound the probability of the class from below; the bound gives a radius, or it does not (lines 15 to 20).
    """
    # 1.
    selecting = rule.selecting
    selected = first_settling_look(selecting, counted(count_selection_votes, selecting.looks, selecting.n))
    assert selected is not None
    # 2.
    selection = chosen(selected)
    # 3.
    parts = counted(count_estimation_votes, rule.looks, rule.parameters.n)
    # 4.
    tally = first_settling_look(ForClass(rule, selection), parts)
    assert tally is not None
    # 5.
    return Certified(selection, tally, rule.verdict(selection, tally))


def chosen(selected: Tally) -> Selection:
    """The class with the most of the selection votes; ValueError where something was counted twice."""
    check_votes(selected.votes, selected.samples)
    return Selection(select(selected.votes), selected.votes, selected.samples)


def first_settling_look(rule: StoppingRule, parts: Iterable[Sequence[int]]) -> Tally | None:
    """The votes to answer with; None where more are needed than there are.

    `parts` are the votes between a look and the next (`rule.looks`), from the first sample on and without a gap. They
    may be counted as they are asked for, or have been recorded by other workers.

    1. Add the parts up, one tally a look.
    2. The answer is that of the first look which settles it, and that of n in any case. What settled it first stands,
       whatever else is known by then: nobody chooses between looks.
    """
    # 1.
    found = tallies(parts, rule.looks, rule.n)
    # 2.
    return next((tally for tally in found if tally.samples == rule.n or rule.is_settled(tally)), None)
