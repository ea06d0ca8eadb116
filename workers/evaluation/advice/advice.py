"""From the rows of a handful of pictures to the advice."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.contract.bounds import DEFAULT_SELECTION_SAMPLES
from adapters.contract.looks import anytime_looks, selection_looks
from adapters.contract.plan import remembered_forecast, remembered_selection
from adapters.profiles.library import served_profile
from adapters.profiles.licences import PartLicence, business_use, of_answer
from adapters.profiles.profile import Profile
from robustify.smoothing.planning import fewest_anytime_samples
from workers.evaluation.advice.document import (
    Advice,
    Asked,
    PartOfLicence,
    ProtectedAnswers,
    Recommended,
    Step,
)
from workers.evaluation.advice.expectation import expected_certified, likely_probability, samples_in_reach
from workers.evaluation.advice.figures import ProtectedFigures, Wishes
from workers.evaluation.advice.recommendation import LONG_LADDER, Recommendation, recommend
from workers.evaluation.advice.requests import AskedAs, commands_for
from workers.evaluation.advice.runs import AdviceRows, Measurement, SigmaRows, is_readable
from workers.evaluation.advice.summing_up import (
    Truth,
    mean,
    plain_answers,
    plain_figures,
    protected_answers,
    protected_figures,
    truth_of,
    votes_of,
)
from workers.evaluation.data.dataset import DataReport
from workers.evaluation.runs import UnreadableFile


@dataclass(frozen=True)
class Circumstances:
    """What an advice is about, beside its rows. Where commands have to give them: the name of a stored task, and the
    profile's.
    """

    measurement: Measurement
    report: DataReport
    labelled: bool
    target_radius: float | None
    seconds_per_picture: float | None
    most_lost: float
    threads: int
    stored_task: str | None = None
    profile_name: str | None = None

    @property
    def wishes(self) -> Wishes:
        alpha = self.measurement.certifying.alpha
        return Wishes(alpha, DEFAULT_SELECTION_SAMPLES, self.target_radius, self.seconds_per_picture, self.most_lost)

    @property
    def profile(self) -> Profile:
        return served_profile(self.measurement.plain.settings)


def advice_of(about: Circumstances, rows: AdviceRows) -> Advice:
    """1. What is right, and the figures of each way to answer.
    2. What they recommend.
    3. All of it as one document, with what to run.
    """
    # 1.
    measurement, task = about.measurement, about.measurement.plain.task
    truth = truth_of(rows, len(task.labels), about.labelled)
    plain = plain_figures(rows.plain, truth)
    protected = [protected_figures(of_sigma, truth, measurement.certifying.n) for of_sigma in rows.protected]
    # 2.
    found = recommend(plain, protected, about.wishes)
    recommended = recommended_of(about, found, protected, rows)
    # 3.
    licences = licences_of(about)
    return Advice(
        asked=asked_of(about),
        data=about.report,
        unreadable=tuple(
            UnreadableFile(file=row.file or str(row.index), problem=row.problem or "")
            for row in rows.plain
            if not is_readable(row)
        ),
        plain=plain_answers(rows.plain, plain),
        protected=answers_of(about, rows, protected, truth),
        verdict=found.verdict,
        recommended=recommended,
        business=business_use(licences),
        licences=tuple(PartOfLicence(part=one.part, name=one.name, business=one.business) for one in licences),
        commands=commands_for(AskedAs(task, about.profile, about.stored_task, about.profile_name), recommended),
    )


def asked_of(about: Circumstances) -> Asked:
    measurement, settings = about.measurement, about.measurement.plain.settings
    return Asked(
        dataset=measurement.name,
        profile=about.profile.name,
        classes=len(measurement.plain.task.labels),
        labelled=about.labelled,
        alpha=measurement.certifying.alpha,
        n0=measurement.certifying.n0,
        n=measurement.certifying.n,
        target_radius=about.target_radius,
        seconds_per_picture=about.seconds_per_picture,
        most_lost=about.most_lost,
        device=settings.device,
        number_format=about.profile.number_format(settings),
        threads=about.threads,
    )


def licences_of(about: Circumstances) -> tuple[PartLicence, ...]:
    """Of the parts that answer."""
    return of_answer(about.profile.licences, about.measurement.plain.task.adaptation is not None)


def answers_of(
    about: Circumstances, rows: AdviceRows, protected: Sequence[ProtectedFigures], truth: Truth
) -> list[ProtectedAnswers]:
    certifying, target = about.measurement.certifying, about.target_radius
    found = []
    for of_sigma, figures in zip(rows.protected, protected, strict=True):
        answers = protected_answers(of_sigma, figures, rows.plain, truth, certifying)
        fewest = None if target is None else fewest_anytime_samples(target, figures.sigma, certifying.alpha)
        found.append(answers.model_copy(update={"fewest_samples": fewest}))
    return found


def recommended_of(
    about: Circumstances, found: Recommendation, protected: Sequence[ProtectedFigures], rows: AdviceRows
) -> Recommended | None:
    """What is recommended, with its cost; None where nothing is."""
    if found.sigma is None or found.n is None or found.target_radius is None or found.expected is None:
        return None
    figures = next(one for one in protected if one.sigma == found.sigma)
    of_sigma = next(one for one in rows.protected if one.sigma == found.sigma)
    speed, wishes = figures.samples_per_second, about.wishes
    samples = mean(samples_for(about, of_sigma, found))
    return Recommended(
        sigma=found.sigma,
        n=found.n,
        n0=wishes.n0,
        target_radius=found.target_radius,
        expected=found.expected,
        samples=samples,
        seconds=samples / speed,
        seconds_at_most=(wishes.n0 + found.n) / speed,
        steps=steps_of(figures, found.target_radius, wishes),
    )


def samples_for(about: Circumstances, rows: SigmaRows, found: Recommendation) -> list[float]:
    """The mean samples of a certificate with the target radius, for each picture, right or wrong."""
    readable = [row for row in rows.certified if is_readable(row)]
    likely = [likely_probability(votes_of(row, about.measurement.certifying.n)) for row in readable]
    return [samples_at(about, found, p) for p in likely]


def samples_at(about: Circumstances, found: Recommendation, p: float) -> float:
    """Of both phases, for a class of probability p, with looks as the service has them."""
    assert found.target_radius is not None
    assert found.sigma is not None
    assert found.n is not None
    wishes, settings = about.wishes, about.measurement.plain.settings
    looks = anytime_looks(about.profile, settings)
    deciding = remembered_forecast(found.target_radius, found.sigma, wishes.alpha, looks, found.n, p)
    return deciding.samples + remembered_selection(wishes.n0, selection_looks(about.profile, settings), p)


def steps_of(figures: ProtectedFigures, radius: float, wishes: Wishes) -> tuple[Step, ...]:
    """What other numbers of samples would buy, whatever time they take."""
    patient = Wishes(wishes.alpha, wishes.n0)
    return tuple(
        Step(
            n=n,
            expected=expected_certified(figures, radius, wishes.alpha, n),
            seconds_at_most=(wishes.n0 + n) / figures.samples_per_second,
        )
        for n in samples_in_reach(figures, radius, patient, LONG_LADDER)
    )
