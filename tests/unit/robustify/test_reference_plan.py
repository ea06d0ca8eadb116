"""Which reference images are made: data only."""

from robustify.adaptation.references import personal_prompt, plan_references, reference_seed
from robustify.types import Task

TASK = Task(("cat", "dog", "10/1"), "A photo of a {}.")


def test_plan_when_more_shots_are_asked_for() -> None:
    """What the fewer had comes first, with the same seeds."""
    few, many = (plan_references(TASK, shots, held_back=0, seed=7) for shots in (2, 5))

    assert list(many[: len(few)]) == list(few)
    assert len(many) == 5 * len(TASK.labels)


def test_plan_when_some_are_held_back() -> None:
    """Each label has its shots and its held-back ones, no image is both, and the latter have seeds of their own."""
    plan = plan_references(TASK, shots=3, held_back=2, seed=0)
    trained = [reference for reference in plan if not reference.held_back]
    kept = [reference for reference in plan if reference.held_back]

    assert [reference.label_index for reference in trained] == [0, 1, 2] * 3
    assert [reference.label_index for reference in kept] == [0, 1, 2] * 2
    assert not {reference.seed for reference in trained} & {reference.seed for reference in kept}
    assert {reference.shot for reference in trained} == {0, 1, 2}
    assert {reference.shot for reference in kept} == {3, 4}


def test_seeds_when_label_shot_or_seed_differ() -> None:
    """No two are equal, even where label and number could run into each other; all fit a torch generator."""
    seeds = [
        reference_seed(seed, label, shot)
        for seed in (0, 1, 10)
        for label in ("cat", "1/cat", "0/cat")
        for shot in (0, 1)
    ]

    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert reference_seed(0, "cat", 0) == 266325808494696822, "stopped work would go on with other seeds"


def test_seeds_when_labels_are_reordered() -> None:
    """An image is its label's and not its place's."""
    plan = plan_references(Task(("dog", "cat")), 1, 0, seed=3)
    turned = plan_references(Task(("cat", "dog")), 1, 0, seed=3)

    assert [reference.seed for reference in plan] == [reference.seed for reference in reversed(turned)]


def test_prompts_when_the_label_has_braces() -> None:
    """They are the classifier's prompts: the label goes into the slot as it is."""
    plan = plan_references(Task(("{}", "b"), "a {} here"), 1, 0, seed=0)

    assert [reference.prompt for reference in plan] == ["a {} here", "a b here"]
    assert personal_prompt("A photo of a {}.") == "A photo of a sks."
