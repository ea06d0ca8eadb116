import re
from pathlib import Path

import pytest

from adapters.embedded.recipe.baselines.builds import BASELINES
from adapters.profiles.library import shipped_profiles
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from workers.evaluation.methods.catalogue import method_named, methods
from workers.evaluation.methods.method import NamedMethod
from workers.evaluation.methods.readiness import lacking, profiles_of

SIGMAS = (0.25, 0.5)
BUILT = {baseline.profile for baseline in BASELINES}
RECIPE = re.compile(r"python -m adapters\.embedded\.recipe\.baselines install((?: --only [\w.-]+)+)")


def test_catalogue_when_the_paper_is_read() -> None:
    """Every row of Tables 1, 3 and 4 has a method, each title stands once."""
    assert list(methods()) == [
        "clip",
        "clip-smooth",
        "ours",
        "ours-adapted",
        "ffdnet",
        "tecoa",
        "carlini",
        "standard",
        "standard-ours",
        "adversarial",
        "cohen",
        "carlini-resnet",
    ]
    assert len({method.title for method in methods().values()}) == len(methods())


@pytest.mark.parametrize("method", methods().values(), ids=lambda method: method.name)
def test_profile_when_a_method_names_it(method: NamedMethod) -> None:
    """It comes with the installation, or its recipe's command, as it stands there, makes it for both sigmas."""
    for sigma in SIGMAS:
        profile = method.profile_at(sigma)
        assert (profile in shipped_profiles()) == (method.recipe is None)
        if method.recipe is not None:
            command = RECIPE.fullmatch(method.recipe)
            assert command
            made = command[1].split(" --only ")[1:]
            assert profile in made
            assert set(made) <= BUILT


def test_every_baseline_has_a_method() -> None:
    """None is built for nothing."""
    assert BUILT <= {method.profile_at(sigma) for method in methods().values() for sigma in SIGMAS}


def test_profile_when_it_is_trained_for_one_sigma() -> None:
    """Its name tells which, and for one profile the name stays."""
    assert method_named("cohen").profile_at(0.5) == "mini-cohen-0.5"
    assert profiles_of(method_named("cohen"), (0.25, 0.5)) == ["mini-cohen-0.25", "mini-cohen-0.5"]
    assert profiles_of(method_named("ours"), (0.25, 0.5)) == ["mini"]


def test_name_that_is_none() -> None:
    """InvalidInputError that lists those that are."""
    with pytest.raises(InvalidInputError, match="'drunet'.*clip, clip-smooth.*carlini-resnet"):
        method_named("drunet")


def test_methods_when_nothing_is_built(tmp_path: Path) -> None:
    """What is bundled or packaged is ready; of the others the profile is named that is not there."""
    settings = Settings(state_dir=tmp_path)
    ready = {name for name, method in methods().items() if not lacking(method, SIGMAS, settings)}

    assert ready == {"clip", "clip-smooth", "ours", "ours-adapted", "ffdnet"}
    assert [problem.partition(":")[0] for problem in lacking(method_named("cohen"), SIGMAS, settings)] == [
        "mini-cohen-0.25",
        "mini-cohen-0.5",
    ]


def test_method_when_its_profile_has_no_models(tmp_path: Path) -> None:
    """It is not ready, and the sentence says of what."""
    (tmp_path / "profiles").mkdir()
    standard = next(baseline for baseline in BASELINES if baseline.profile == "mini-resnet20")
    (tmp_path / "profiles" / "mini-resnet20.toml").write_text(standard.text)

    (problem,) = lacking(method_named("standard"), SIGMAS, Settings(state_dir=tmp_path))
    assert problem.startswith("mini-resnet20: its models are not there")
