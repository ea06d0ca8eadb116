"""The clients that try to get false answers: each adapts what it asks to all that it has seen.

None of them stops because a dear answer has pleased it: were each answer a fresh draw, the number of false ones would
be no larger than a Poisson number whose mean is the alpha that was charged for them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice, repeat
from types import MappingProxyType

from workers.evaluation.adversary import looks, tempting
from workers.evaluation.adversary.asking import Asker
from workers.evaluation.adversary.foresight import would_be_false
from workers.evaluation.adversary.looks import Attack, certificate, edge_pictures
from workers.evaluation.adversary.questions import Answer, Question
from workers.evaluation.adversary.report import ClientName

SHARDED_SAMPLES = 1500
"""Several shards, so that there is a midway to cancel at."""
INTERRUPTIONS = 3
INTERRUPTED_SHARE = 10
"""One question for so many looks of the others: each is some times as long, and is asked again and again."""
RACERS = 8

Client = Callable[[Asker, Attack], Iterator[Answer]]


@dataclass(frozen=True)
class Looking:
    """Looks cheaply, then asks dearly what is tempting: where the votes that it saw would be false."""

    looks: Callable[[Attack], Iterable[Question]]
    tempting: Callable[[Answer, Attack], Iterable[Question]]

    def __call__(self, asker: Asker, attack: Attack) -> Iterator[Answer]:
        dear: list[Question] = []
        for look in asker.ask(self.looks(attack)):
            dear.extend(question for question in self.tempting(look, attack) if would_be_false(look, question))
            yield look
        yield from asker.ask(dear)


def resubmission(asker: Asker, attack: Attack) -> Iterator[Answer]:
    """Cancels dear questions midway, again and again, asks them to the end, and asks once more."""
    pictures = islice(edge_pictures(SHARDED_SAMPLES, attack), max(1, attack.looks // INTERRUPTED_SHARE))
    questions = [certificate(picture, attack.alpha, SHARDED_SAMPLES) for picture in pictures]
    for _ in range(INTERRUPTIONS):
        yield from asker.interrupt(questions)
    for _ in range(2):
        yield from asker.ask(questions)


def duplicates(asker: Asker, attack: Attack) -> Iterator[Answer]:
    """Asks the same several times at the same moment."""
    pictures = islice(edge_pictures(looks.SAMPLES, attack), max(1, attack.looks // RACERS))
    questions = (certificate(picture, attack.alpha) for picture in pictures)
    return asker.ask(chain.from_iterable(repeat(question, RACERS) for question in questions))


CLIENTS: Mapping[ClientName, Client] = MappingProxyType(
    {
        ClientName.NEIGHBOURS: Looking(looks.at_neighbours, tempting.at_alpha),
        ClientName.SAMPLES: Looking(looks.with_sample_sizes, tempting.at_alpha),
        ClientName.LEVELS: Looking(looks.at_neighbours, tempting.at_least_alpha),
        ClientName.BOUNDS: Looking(looks.with_bounds, tempting.with_any_bound),
        ClientName.TARGETS: Looking(looks.below_targets, tempting.with_any_aim),
        ClientName.SPELLINGS: Looking(looks.with_spellings, tempting.at_alpha),
        ClientName.RESUBMISSION: resubmission,
        ClientName.DUPLICATES: duplicates,
        ClientName.PREDICTIONS: Looking(looks.for_predictions, tempting.at_alpha),
    }
)
