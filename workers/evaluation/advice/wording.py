"""An advice in plain words, in Markdown: what is recommended and why, and what a handful of pictures cannot tell."""

from collections.abc import Iterator

from adapters.profiles.licences import Business
from workers.evaluation.advice.document import Advice, ProtectedAnswers, Share
from workers.evaluation.advice.figures import PlainFigures
from workers.evaluation.advice.recommendation import Verdict, is_guessing
from workers.evaluation.reports.escaping import markdown

FEW_PICTURES = 50
MANY_TIMES = 100


def headline(advice: Advice) -> str:
    """One sentence: what to do."""
    if (found := advice.recommended) is None:
        return HEADLINES[advice.verdict]
    return (
        f"Protect with sigma {found.sigma:g}, at most {found.n:,} samples and the target radius "
        f"{found.target_radius:g}."
    )


HEADLINES = {
    Verdict.NO_PICTURES: "There is no picture to judge by.",
    Verdict.GUESSING: "Do not protect this classifier: on these pictures it cannot be told from guessing.",
    Verdict.NOTHING_CERTIFIED: "No protection is recommended: nothing can be certified on these pictures.",
    Verdict.OUT_OF_REACH: "The target radius is out of reach on these pictures.",
    Verdict.LOSES_TOO_MUCH: "No protection is recommended: each one loses more pictures than may be lost.",
    Verdict.TOO_SLOW: "No protection is recommended: a certificate takes longer here than a picture may take.",
}


def reason(advice: Advice) -> str:
    """Why, and what to do next."""
    match advice.verdict:
        case Verdict.RECOMMENDED:
            return reason_of_choice(advice)
        case Verdict.NO_PICTURES:
            return "Look at the reasons below, and name a folder of PNG, JPEG or WebP pictures."
        case Verdict.GUESSING:
            return reason_of_guessing(advice)
        case Verdict.NOTHING_CERTIFIED:
            return (
                "Under noise no class leads on any picture as it should. The pictures may be unlike those that the "
                "denoiser knows: adapt it to these labels (robustify adapt), or try a smaller --sigma."
            )
        case Verdict.OUT_OF_REACH:
            return reason_of_reach(advice)
        case Verdict.LOSES_TOO_MUCH:
            return reason_of_loss(advice)
        case Verdict.TOO_SLOW:
            return reason_of_time(advice)


def reason_of_choice(advice: Advice) -> str:
    found = advice.recommended
    assert found is not None
    chosen, count = advice.protected_by(found.sigma), advice.pictures
    expected = f"{found.expected:.0f} of {count} pictures are expected to be certified {rightly(advice)} for it"
    if advice.asked.target_radius is not None:
        why = "No other sigma that was tried certifies more pictures at the radius that you asked for"
    else:
        why = (
            f"Of the sigmas that lose at most {advice.asked.most_lost:.0%} of the pictures it certifies the largest "
            "radius on average, and half of its certified pictures have the target radius or more"
        )
    return f"{why}. {expected}. {price(advice, chosen)}"


def price(advice: Advice, chosen: ProtectedAnswers) -> str:
    """What the protection costs, beside doing without it."""
    found = advice.recommended
    assert found is not None
    times = found.seconds / advice.plain.seconds if advice.plain.seconds else 0.0
    slower = f", {times:,.0f} times as long as an answer without protection" if times >= MANY_TIMES else ""
    answered = (
        f"{chosen.right.count} of {chosen.right.of} pictures are answered {rightly(advice)} with it, "
        f"{before(advice)}; {chosen.abstained} are not answered"
    )
    return (
        f"{answered}. A certificate takes {seconds(found.seconds)} on average and {seconds(found.seconds_at_most)} at "
        f"most on this machine{slower}; an answer without a certificate takes {seconds(chosen.predict_seconds)}."
    )


def before(advice: Advice) -> str:
    right = advice.plain.right
    return "which says nothing on whether they are right" if right is None else f"{right.count} without it"


def reason_of_guessing(advice: Advice) -> str:
    right = advice.plain.right
    assert right is not None
    chance = right.of / advice.asked.classes
    return (
        f"It is right on {right.count} of {right.of} pictures, and guessing among {advice.asked.classes} labels would "
        f"be on {chance:.1f}. The pictures are outside of what it knows, or the labels are not the names that it knows "
        "them by: look at the labels and the template first, or take another profile. Protection makes answers hard to "
        "change, not right."
    )


def reason_of_reach(advice: Advice) -> str:
    needs = "; ".join(
        f"sigma {found.sigma:g} needs "
        + ("more samples than there can be" if found.fewest_samples is None else f"{found.fewest_samples:,} samples")
        for found in advice.protected
    )
    return (
        f"At radius {advice.asked.target_radius:g} not one picture is expected to be certified {rightly(advice)}. At "
        f"the least, where all samples agree, {needs}. Ask for a smaller radius: the table of radii below shows what "
        "there is."
    )


def reason_of_loss(advice: Advice) -> str:
    best = min(advice.protected, key=lambda found: (found.lost - found.gained, found.sigma))
    lost = best.lost - best.gained
    return (
        f"At most {advice.asked.most_lost:.0%} of the pictures may be lost, and even sigma {best.sigma:g} loses {lost} "
        f"of {best.right.of}. Adapt the models to these labels (robustify adapt), try a smaller --sigma, or allow more "
        "with --lose-at-most."
    )


def reason_of_time(advice: Advice) -> str:
    fastest = max(found.samples_per_second for found in advice.protected)
    return (
        f"A picture may take {advice.asked.seconds_per_picture:g} s, in which this machine computes "
        f"{fastest * (advice.asked.seconds_per_picture or 0.0):,.0f} samples; a certificate needs more. Allow more "
        "time, take a GPU, or ask /predict for answers without certificates."
    )


def rightly(advice: Advice) -> str:
    """What right means here."""
    return "rightly" if advice.asked.labelled else "as without protection"


def notes(advice: Advice) -> Iterator[str]:
    """What an engineer has to know beside the figures."""
    yield from notes_of_pictures(advice)
    yield from notes_of_guarantee(advice)
    yield from notes_of_licence(advice)


def notes_of_pictures(advice: Advice) -> Iterator[str]:
    if not advice.pictures:
        return
    if advice.pictures < FEW_PICTURES:
        yield how_sure(advice)
    if advice.recommended is not None and len(advice.protected) > 1:
        yield (
            "The same pictures chose the sigma and tell its figures, which flatters it a little. Confirm it on others: "
            "robustify evaluate."
        )
    if not advice.asked.labelled:
        yield (
            "The pictures have no labels: nothing here says whether answers are right, only whether protection changes "
            "them. Put them into a folder for each class, and advise says more."
        )
    elif is_untold(advice):
        yield "So few pictures cannot tell whether the classifier does better than guessing."
    if advice.asked.labelled and advice.plain.distinct_labels == 1:
        yield (
            "All pictures are of one class: a classifier that always says it would look perfect. Add pictures of the "
            "others."
        )
    if advice.plain.distinct_answers == 1 and advice.pictures > 1:
        yield "Without protection all pictures get the same answer: look at the labels and the template."


def is_untold(advice: Advice) -> bool:
    """Whether there are so few pictures that even with none right it would not be called guessing."""
    none_right = PlainFigures(
        pictures=advice.pictures, right=0, classes=advice.asked.classes, distinct_labels=1, distinct_answers=1
    )
    return not is_guessing(none_right)


def how_sure(advice: Advice) -> str:
    """What an interval of a handful is like, by the best known share."""
    found = advice.plain.right
    if found is None and advice.protected:
        found = advice.protected[0].right
    assert found is not None
    return (
        f"{found.of} pictures say little: {found.count} of {found.of} leave anything from {percent(found.low)} to "
        f"{percent(found.high)} for all pictures of this kind (95%). The tables have the interval of each figure."
    )


def notes_of_guarantee(advice: Advice) -> Iterator[str]:
    """What a radius is, where one is recommended."""
    if advice.recommended is None:
        return
    yield (
        "A radius is the L2 distance of a change of the picture as the model sees it, with pixels between 0 and 1. "
        f"Each certificate is wrong with probability at most {advice.asked.alpha:g}, and says nothing on whether the "
        "label is right."
    )
    yield (
        "What other numbers of samples would certify is expected from the votes of these pictures, not certified. "
        "What was measured is in the tables of answers and radii."
    )


def notes_of_licence(advice: Advice) -> Iterator[str]:
    """Whether business may use the models."""
    profile = markdown(advice.asked.profile)
    named = "; ".join(f"{one.part}: {markdown(one.name)}" for one in advice.licences if one.business is advice.business)
    where = f" ({named})" if named else ""
    if advice.business is Business.NO:
        yield f"The licence of profile {profile} forbids business use{where}. Take another profile."
    elif advice.business is Business.UNCLEAR:
        yield f"Whether profile {profile} may be used in business is not clear{where}. Ask before you do."


def interval(found: Share) -> str:
    return f"{percent(found.low)} to {percent(found.high)}"


def percent(share: float) -> str:
    return f"{share:.0%}"


def seconds(value: float) -> str:
    """With two digits that count, or whole seconds."""
    if value >= 10:
        return f"{value:,.0f} s"
    return f"{value:.2g} s" if value >= 0.001 else "under 1 ms"
