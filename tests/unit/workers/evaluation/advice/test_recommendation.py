"""Which sigma, n and radius are recommended, and when none is: on figures alone."""

from dataclasses import replace

import pytest

from robustify.smoothing.statistics import certified_radius, lower_confidence_bound
from workers.evaluation.advice.figures import PlainFigures, ProtectedFigures, RightVotes, Wishes
from workers.evaluation.advice.recommendation import Verdict, is_guessing, recommend

ALPHA, SAMPLES = 0.001, 200
PLAIN = PlainFigures(pictures=24, right=22, classes=10, distinct_labels=10, distinct_answers=10)
WISHES = Wishes(ALPHA, n0=100)


def protected(
    sigma: float, votes: list[int], right: int | None = None, pictures: int = 24, speed: float = 200
) -> ProtectedFigures:
    """Pictures whose class has so many of 200 votes each; by default as many are answered rightly."""
    return ProtectedFigures(
        sigma=sigma,
        pictures=pictures,
        right=len(votes) if right is None else right,
        abstained=0,
        votes=[RightVotes(won, SAMPLES, radius(won, sigma)) for won in votes],
        samples_per_second=speed,
    )


def radius(votes: int, sigma: float) -> float | None:
    return certified_radius(lower_confidence_bound(votes, SAMPLES, ALPHA), sigma)


def test_target_when_one_sigma_certifies_more() -> None:
    """It is recommended, with the radius that was asked for, though it answers fewer pictures rightly."""
    small, large = protected(0.12, [200] * 22), protected(0.5, [200] * 16)
    found = recommend(PLAIN, [small, large], replace(WISHES, target_radius=0.5))

    assert (found.verdict, found.sigma, found.target_radius) == (Verdict.RECOMMENDED, 0.5, 0.5)
    assert found.expected == pytest.approx(16, abs=1)


def test_target_when_sigmas_certify_the_same_number() -> None:
    """The one with more right answers is recommended; of equal ones the smaller."""
    wishes = replace(WISHES, target_radius=0.1)
    few, many, same = (protected(sigma, [200] * 20, right) for sigma, right in ((0.25, 20), (0.5, 21), (1.0, 21)))

    assert recommend(PLAIN, [few, many, same], wishes).sigma == 0.5
    assert recommend(PLAIN, [same, many], wishes).sigma == 0.5


def test_target_when_no_sigma_reaches_it() -> None:
    """Nothing is recommended, however long it may take."""
    found = recommend(PLAIN, [protected(0.12, [200] * 22)], replace(WISHES, target_radius=2.0))

    assert (found.verdict, found.sigma, found.n) == (Verdict.OUT_OF_REACH, None, None)


def test_target_that_votes_are_too_few_for() -> None:
    """Votes of 70 % do not promise a radius of one sigma, which needs 84 %."""
    found = recommend(PLAIN, [protected(0.25, [140] * 22)], replace(WISHES, target_radius=0.25))

    assert found.verdict is Verdict.OUT_OF_REACH


def test_target_that_time_is_too_short_for() -> None:
    """It says so, where more time would do."""
    wishes = replace(WISHES, target_radius=0.25, seconds_per_picture=0.1)
    found = recommend(PLAIN, [protected(0.25, [200] * 22, speed=200)], wishes)

    assert found.verdict is Verdict.TOO_SLOW


@pytest.mark.parametrize(("seconds", "most"), [(1.1, 100), (2.0, 200), (10.0, 1000)])
def test_samples_when_a_picture_may_take_so_long(seconds: float, most: int) -> None:
    """A certificate that takes all of its samples, and those of the selection, is done in time."""
    wishes = replace(WISHES, target_radius=0.1, seconds_per_picture=seconds)
    found = recommend(PLAIN, [protected(0.25, [195, 150, 140] * 7, speed=200)], wishes)

    assert found.n is not None
    assert found.n <= most
    assert (found.n + wishes.n0) / 200 <= seconds


def test_samples_when_few_are_as_good() -> None:
    """No more are recommended than buy half a picture: unanimous votes need few, and doubtful ones many."""
    wishes = replace(WISHES, target_radius=0.25)
    sure, doubtful = (recommend(PLAIN, [protected(0.25, [won] * 22)], wishes) for won in (200, 180))

    assert sure.n == 100
    assert (doubtful.n or 0) > 1000


def test_no_target_when_a_larger_radius_loses_too_much() -> None:
    """Of the sigmas that lose at most a tenth the one with the largest average radius is recommended."""
    sigmas = [protected(0.12, [200] * 21), protected(0.25, [200] * 20), protected(0.5, [200] * 19)]
    found = recommend(PLAIN, sigmas, WISHES)

    assert (found.verdict, found.sigma) == (Verdict.RECOMMENDED, 0.25)
    assert recommend(PLAIN, sigmas, replace(WISHES, most_lost=0.2)).sigma == 0.5


def test_no_target_when_radii_are_equal() -> None:
    """The smaller sigma is recommended: it changes the picture less."""
    small, large = protected(0.25, [200] * 20), protected(0.5, [200] * 20)
    large = replace(large, votes=small.votes)

    assert recommend(PLAIN, [large, small], WISHES).sigma == 0.25


def test_no_target_when_pictures_have_several_radii() -> None:
    """Half of the certified pictures have the radius that is recommended, which is round."""
    found = recommend(PLAIN, [protected(0.25, [200] * 11 + [150] * 11)], WISHES)

    assert found.target_radius is not None
    assert found.target_radius == round(found.target_radius, 2) <= (radius(200, 0.25) or 0.0)
    assert (radius(150, 0.25) or 0.0) < found.target_radius


def test_no_target_when_every_sigma_loses_too_much() -> None:
    """Nothing is recommended."""
    sigmas = [protected(0.12, [200] * 18), protected(0.25, [200] * 10)]

    assert recommend(PLAIN, sigmas, WISHES).verdict is Verdict.LOSES_TOO_MUCH


def test_all_pictures_abstain() -> None:
    """Without a target nothing is certified; with one it is out of reach."""
    silent = [protected(sigma, [100] * 22, right=0) for sigma in (0.12, 0.25)]

    assert recommend(PLAIN, silent, WISHES).verdict is Verdict.NOTHING_CERTIFIED
    assert recommend(PLAIN, silent, replace(WISHES, target_radius=0.1)).verdict is Verdict.OUT_OF_REACH


@pytest.mark.parametrize("right", [0, 1, 2, 4])
def test_classifier_that_guesses(right: int) -> None:
    """Nothing is recommended: of 24 pictures of ten classes guessing has four right or more with 21 %."""
    plain = replace(PLAIN, right=right)

    assert recommend(plain, [protected(0.25, [200] * right)], WISHES).verdict is Verdict.GUESSING


def test_classifier_that_is_better_than_guessing() -> None:
    """Six right of 24 among ten classes are more than chance, and the pictures decide."""
    plain = replace(PLAIN, right=6)

    assert recommend(plain, [protected(0.25, [200] * 6)], WISHES).verdict is Verdict.RECOMMENDED


@pytest.mark.parametrize(("pictures", "classes", "right"), [(1, 10, 0), (4, 2, 0), (4, 2, 4)])
def test_guessing_when_too_few_pictures_could_tell(pictures: int, classes: int, right: int) -> None:
    """It is not said of a classifier that could not have shown anything else."""
    assert not is_guessing(PlainFigures(pictures, right, classes, distinct_labels=1, distinct_answers=1))


def test_single_picture() -> None:
    """It is judged by what there is: its radius is the target."""
    plain = PlainFigures(pictures=1, right=1, classes=10, distinct_labels=1, distinct_answers=1)
    found = recommend(plain, [protected(0.25, [200], pictures=1)], WISHES)

    assert (found.verdict, found.sigma) == (Verdict.RECOMMENDED, 0.25)
    assert found.target_radius == pytest.approx(radius(200, 0.25), abs=0.01)


def test_pictures_of_one_class() -> None:
    """They are judged like others; that a constant classifier would look perfect is a note of the page."""
    plain = replace(PLAIN, right=24, distinct_labels=1, distinct_answers=1)

    assert recommend(plain, [protected(0.25, [200] * 24)], WISHES).verdict is Verdict.RECOMMENDED


def test_pictures_without_labels() -> None:
    """What is answered without protection is right by definition: it is never called guessing."""
    plain = replace(PLAIN, right=24, distinct_answers=1, labelled=False)

    assert not is_guessing(plain)
    assert recommend(plain, [protected(0.25, [200] * 23)], WISHES).verdict is Verdict.RECOMMENDED


@pytest.mark.parametrize("plain", [PLAIN, replace(PLAIN, pictures=0, right=0)])
def test_nothing_to_judge_by(plain: PlainFigures) -> None:
    """Without pictures, or without a sigma, there is no advice."""
    figures = [] if plain.pictures else [protected(0.25, [], pictures=0)]

    assert recommend(plain, figures, WISHES).verdict is Verdict.NO_PICTURES
