"""The file of a comparison: what it may say, and what is told of one that says something else."""

from pathlib import Path

import pytest

from tests.comparisons import ORACLE_CONFIG
from workers.evaluation.attacks.plan import AttackMethod, AttackMode
from workers.evaluation.comparison.cells import attacked_cells, certified_cells
from workers.evaluation.comparison.config_file import ConfigError, read_config

CONFIGS = Path(__file__).parents[5] / "docs" / "results" / "configs"


def written(folder: Path, text: str) -> Path:
    path = folder / "comparison.toml"
    path.write_text(text)
    return path


def test_config_when_all_is_well(tmp_path: Path) -> None:
    """Every method meets every set and noise; attacks go where their pair says."""
    config = read_config(written(tmp_path, ORACLE_CONFIG)).config
    attacked = attacked_cells(config)

    assert [(cell.method.name, cell.sigma) for cell in certified_cells(config)] == [
        ("plain", 0.25), ("smoothed", 0.25), ("absent", 0.25)
    ]  # fmt: skip
    assert {(cell.cell.sigma, cell.eps) for cell in attacked} == {(0.25, 0.3)}
    assert [cell.plan.mode for cell in attacked] == [AttackMode.PAPER] * 3 + [AttackMode.STRONG] * 3
    assert {cell.plan.method for cell in attacked if cell.cell.method.name == "plain"} == {AttackMethod.PGD}
    assert {cell.plan.m for cell in attacked if cell.cell.method.name == "plain"} == {1}


def test_eps_without_a_pair(tmp_path: Path) -> None:
    """It goes with the noise of half of it, as in the paper."""
    text = ORACLE_CONFIG.replace("[[pair]]\nsigma = 0.25\neps = 0.3\n", "").replace("alpha", "eps = [0.5]\nalpha", 1)
    (pair,) = read_config(written(tmp_path, text)).config.pairs

    assert (pair.sigma, pair.eps) == (0.25, 0.5)


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("n = 100", 'n = "many"', "comparison.toml: n: "),
        ("n = 100", "samples = 100", "samples: Extra inputs"),
        ("n = 100", "n = nan", "n: "),
        ('split = "all"', "limit = 0", "set 1.limit: "),
        ('base = "smoothed"', 'base = "ours"', "base: choose one of"),
        ('base = "smoothed"', 'methods = ["clips"]', "methods: unknown method 'clips': choose one of clip"),
        ("sigma = 0.25\neps", "sigma = 0.5\neps", "pair: sigma 0.5 is not among sigma"),
        ("sigma = [0.25]", "sigma = [0.25, 0.25]", "sigma: 0.25 is there twice"),
        ("sigma = [0.25]", "eps = [1.0]\nsigma = [0.25]", "eps: 1 goes with sigma 0.5: add it"),
        ('name = "absent"', 'name = "plain"', "methods: plain is there twice"),
        ('name = "absent"', 'name = "../absent"', "method: '../absent' must be"),
        ('modes = ["paper", "strong"]', 'modes = ["mild"]', "attack.modes 1: "),
        ("title = ", "title == ", "it is no TOML"),
        ('split = "all"', 'prompts = "clip"', "set: prompts chooses"),
    ],
)  # fmt: skip
def test_config_that_cannot_be(tmp_path: Path, old: str, new: str, wanted: str) -> None:
    """The file, the key and what would do are named."""
    assert old in ORACLE_CONFIG
    with pytest.raises(ConfigError) as caught:
        read_config(written(tmp_path, ORACLE_CONFIG.replace(old, new, 1)))

    assert str(caught.value).startswith("comparison.toml: ")
    assert wanted in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"x = 1\n" * 200_000])
def test_config_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    """One that is not there, is no text, or is far too long."""
    path = tmp_path / "comparison.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"comparison\.toml: "):
        read_config(path)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_configs_of_the_paper(path: Path) -> None:
    """Each can be read, compares several methods, and attacks them at as many distances as its table has."""
    config = read_config(path).config

    assert len(config.all_methods) > 2
    assert len({cell.eps for cell in attacked_cells(config)}) == (3 if path.stem == "figure_1" else 2)


def test_config_that_is_not_there(tmp_path: Path) -> None:
    """It is said in words, without the folder that it was looked for in."""
    with pytest.raises(ConfigError, match=r"^nowhere\.toml: there is no such file$"):
        read_config(tmp_path / "nowhere.toml")
