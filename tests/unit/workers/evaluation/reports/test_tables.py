"""Tables of a report, curves and checks: pure functions of rows that are made up."""

from collections.abc import Sequence

import pytest

from workers.evaluation.attacks.plan import AttackMethod, AttackMode, AttackPlan
from workers.evaluation.attacks.rows import AttackRow
from workers.evaluation.comparison.config import ComparisonConfig
from workers.evaluation.comparison.document import ComparedAttack, ComparedCell, Comparison, Environment
from workers.evaluation.reports.accuracy_tables import accuracy_tables
from workers.evaluation.reports.certified_tables import certified_tables
from workers.evaluation.reports.checks import Verdict, order_checks
from workers.evaluation.reports.curves import accuracy_over_radius, upper_envelope, value_at
from workers.evaluation.reports.differences import paired_differences
from workers.evaluation.reports.figures import certified_figures
from workers.evaluation.reports.results import AttackedRun, CertifiedRun, Results
from workers.evaluation.reports.robust_figures import robust_figures
from workers.evaluation.reports.table import Cell, Column, Mark, Table, with_best
from workers.evaluation.runs import Row

METHODS = [
    {"name": "one", "title": "One", "paper": "none", "profile": "p", "smoothing": "denoised"},
    {"name": "two", "title": "Two", "paper": "none", "profile": "p", "smoothing": "denoised", "adapted": True},
    {"name": "bare", "title": "Bare", "paper": "none", "profile": "p", "smoothing": "no-smoothing"},
]
Found = tuple[int | None, float | None]
"""The answer of an image whose label is 0, and its radius."""


def config(sets: Sequence[str] = ("A",), **values: object) -> ComparisonConfig:
    named = [{"path": name, "name": name} for name in sets]
    common = {"name": "made-up", "title": "Made up", "method": METHODS, "set": named, "sigma": [0.25], "base": "one"}
    pairs = [{"sigma": 0.25, "eps": 0.5}]
    return ComparisonConfig.model_validate({**common, "pair": pairs, "radii": [0.0, 0.5], **values}, strict=False)


def results(
    certified: Sequence[CertifiedRun], attacked: Sequence[AttackedRun] = (), asked: ComparisonConfig | None = None
) -> Results:
    asked = asked or config()
    place = Environment(software={}, machine="", system="", processors=1, device="cpu", workers=1)
    comparison = Comparison(
        config=asked,
        config_file="made_up.toml",
        config_sha256="",
        methods=asked.all_methods,
        sets=(),
        cells=tuple(run.cell for run in certified),
        attacks=tuple(run.attack for run in attacked),
        gaps=(),
        environment=place,
    )
    return Results(comparison, tuple(certified), tuple(attacked), ())


def certified(method: str, found: Sequence[Found], seed: int | None = None, name: str = "A") -> CertifiedRun:
    cell = ComparedCell(
        method=method, set=name, sigma=0.25, seed=seed, run="r", profile="p", engine="e", fingerprint="f",
        adaptation=None, labels=("x", "y"), templates=("{}",), dataset="d", images=len(found), n0=10, n=100,
        alpha=0.001, slack=0.0, bound="clopper-pearson", by_server=False,
    )  # fmt: skip
    rows = tuple(
        Row(index=index, label=0, answer=answer, radius=radius, seconds=1.0, run="r", file=f"{index}.png")
        for index, (answer, radius) in enumerate(found)
    )
    return CertifiedRun(cell, rows, "digest")


def attacked(
    method: str,
    mode: AttackMode,
    answers: Sequence[int | None],
    distance: float = 0.5,
    seed: int | None = None,
    name: str = "A",
) -> AttackedRun:
    """All images are answered rightly before."""
    plan = AttackPlan(AttackMethod.SMOOTH_ADV, mode, 0.5, 100)
    attack = ComparedAttack(
        method=method, set=name, sigma=0.25, seed=seed, eps=0.5, mode=mode, run="a", plan=plan, images=len(answers),
        positions=None, n=100, alpha=0.001,
    )  # fmt: skip
    rows = tuple(
        AttackRow(
            index=index, file=f"{index}.png", sha256="", label=0, answer_before=0, attacked=True, answer_after=answer,
            distance=distance, run="a",
        )
        for index, answer in enumerate(answers)
    )  # fmt: skip
    return AttackedRun(attack, rows, "digest", "images")


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_accuracies_of_one_set() -> None:
    """As the paper's Table 3: all beside one another; a dash is a gap, and nothing stands where nothing can be."""
    found = results(
        [certified("one", [(0, 0.6), (0, 0.1), (1, 0.2), (0, None)]), certified("bare", [(0, None)] * 4)],
        [
            attacked("one", AttackMode.PAPER, [0, 0, 0, 1], distance=0.05),
            attacked("one", AttackMode.STRONG, [0, 1, 1, None]),
            attacked("bare", AttackMode.PAPER, [1, 1, 1, 0]),
            attacked("bare", AttackMode.STRONG, [1, 1, 1, 1]),
        ],
    )
    (table,) = accuracy_tables(robust_figures(found), found.comparison)

    assert [column.title for column in table.columns] == [
        "method", "robust, paper", "robust, strong", "certified", "clean", "certified at 0"
    ]  # fmt: skip
    assert {column.group for column in table.columns[1:]} == {"ε 0.5 (σ 0.25)"}
    assert texts(table) == [
        ["One", "75.0", "25.0", "25.0", "100.0", "50.0"],
        ["Two", "-", "-", "-", "-", "-"],
        ["Bare", "25.0", "0.0", "", "100.0", ""],
    ]
    assert table.rows[0][1].mark is Mark.BEST
    assert table.rows[1][1].mark is Mark.GAP


def test_accuracies_of_several_sets() -> None:
    """As the paper's Table 1: a table for each accuracy with the average of the sets, which a gap has not."""
    runs = [
        attacked("one", AttackMode.PAPER, [0, 1], name="A"), attacked("one", AttackMode.PAPER, [1, 1], name="B"),
        attacked("two", AttackMode.PAPER, [0, 0], name="A"),
    ]  # fmt: skip
    found = results([], runs, config(["A", "B"]))
    table = next(accuracy_tables(robust_figures(found), found.comparison))

    assert table.title == "Accuracy (%): robust, paper"
    assert texts(table) == [
        ["0.5 (0.25)", "One", "50.0", "0.0", "25.0"],
        ["0.5 (0.25)", "Two", "100.0", "-", "-"],
        ["0.5 (0.25)", "Bare", "-", "-", "-"],
    ]


def test_figures_of_several_adaptations() -> None:
    """They are means with the standard deviation; the differences are of the mean of each image, without a p-value."""
    runs = [
        certified("one", [(0, 0.6), (1, None)]),
        certified("two", [(0, 0.6), (0, 0.6)], seed=0),
        certified("two", [(0, 0.6), (1, None)], seed=1),
    ]
    found = results(runs)
    (table,) = certified_tables(certified_figures(found), found.comparison)
    at_zero = next(one for one in paired_differences(found) if one.measure == "certified at 0")

    assert texts(table)[1][3] == "75.0 ± 35.4"
    assert (at_zero.method, at_zero.difference.mean, at_zero.difference.p_value) == ("two", 0.25, None)


def test_difference_of_methods_with_other_images() -> None:
    """Only images that both have are compared: another file under the same index is another image."""
    one, two = certified("one", [(0, 0.6), (1, None)]), certified("two", [(0, 0.6), (0, 0.6)], seed=0)
    other = CertifiedRun(two.cell, (two.rows[0], two.rows[1].model_copy(update={"file": "other.png"})), "digest")

    assert {found.difference.images for found in paired_differences(results([one, other]))} == {1}


@pytest.mark.parametrize(
    ("radius", "strong", "paper", "wanted"),
    [
        (0.4, [0] * 4 + [1] * 4, [0] * 6 + [1] * 2, Verdict.HOLDS),
        (0.6, [0] * 6 + [None] * 2, [0] * 6 + [None] * 2, Verdict.ABSTENTIONS),
        (0.4, [0] * 5 + [1] * 3, [0] * 4 + [1] * 4, Verdict.CHANCE),
        (0.4, [0] * 8, [1] * 8, Verdict.WEAK),
        (0.6, [0] * 7 + [1], [0] * 8, Verdict.ALARM),
    ],
)
def test_order_of_certified_strong_and_paper(
    radius: float, strong: list[int | None], paper: list[int | None], wanted: Verdict
) -> None:
    """It holds, or chance or abstentions explain it; an image that falls within its radius is an alarm."""
    runs = [attacked("one", AttackMode.PAPER, paper), attacked("one", AttackMode.STRONG, strong)]
    (check,) = order_checks(results([certified("one", [(0, radius)] * 8)], runs))

    assert check.verdict is wanted
    assert [alarm.index for alarm in check.alarms] == ([7] if wanted is Verdict.ALARM else [])


def test_curve_of_certified_accuracy() -> None:
    """It falls where an image's radius ends, and an image that is wrong is never in it."""
    points = accuracy_over_radius([certified("one", [(0, 0.5), (0, 0.25), (1, 0.9), (0, None)])])

    assert points == ((0.0, 0.5), (0.25, 0.5), (0.5, 0.25), (0.5, 0.0))
    assert [value_at(points, radius) for radius in (0.0, 0.25, 0.3, 0.5, 0.6)] == [0.5, 0.5, 0.25, 0.25, 0.0]


def test_upper_envelope() -> None:
    """At every radius the largest of all curves."""
    small, large = ((0.0, 0.8), (0.3, 0.6), (0.3, 0.0)), ((0.0, 0.5), (0.6, 0.4), (0.6, 0.0))
    envelope = upper_envelope([small, large])

    for radius in (0.0, 0.1, 0.3, 0.31, 0.6, 0.7):
        assert value_at(envelope, radius) == max(value_at(small, radius), value_at(large, radius))


def test_best_of_a_column() -> None:
    """All that look the same as the largest are marked; a column without values, or of one alone, has no best."""
    columns = (Column("a", has_best=True), Column("b"), Column("c", has_best=True))
    rows = (
        (Cell("1.0", 1.01), Cell("9", 9.0), Cell("5", 5.0)),
        (Cell("1.0", 1.0), Cell("8", 8.0), Cell("")),
        (Cell("0.5", 0.5), Cell("7", 7.0), Cell("")),
    )
    found = with_best(Table("name", "title", columns, rows))

    assert [[cell.mark is Mark.BEST for cell in row] for row in found.rows] == [
        [True, False, False], [True, False, False], [False, False, False]
    ]  # fmt: skip
