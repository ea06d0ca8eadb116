import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.hub.pull import adopt, pull
from adapters.profiles.library import find_profile
from adapters.profiles.manifest import findings
from adapters.profiles.profile import BUNDLED, Profile
from robustify.errors import HubError, ModelError, ModelFilesError
from tests.fake_hub import COMMIT, FakeHub

DENOISER, CLIP, GENERATOR = (source.repo for source in find_profile("deepfloyd").sources)
CHUNK = 10 * 2**20
"""What the client writes at once."""
Pull = Callable[..., None]


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return replace(find_profile("deepfloyd"), folder=tmp_path / "models" / "deepfloyd")


@pytest.fixture
def pull_it(hub: FakeHub, profile: Profile) -> Pull:
    return lambda **revisions: pull(profile, revisions, lambda done, total: None, hub.url)


@pytest.mark.slow
def test_pull_when_all_goes_well(hub: FakeHub, profile: Profile) -> None:
    """All files are whole and no others there; their commits are recorded; the progress ends at its total."""
    told: list[tuple[int, int]] = []
    pull(profile, {}, lambda done, total: told.append((done, total)), hub.url)
    assert profile.folder is not None
    assert list(findings(profile.folder)) == []
    assert json.loads((profile.folder / "sources.json").read_text()) == {
        folder: {"repo": repo, "revision": COMMIT}
        for repo, folder in ((DENOISER, "denoiser"), (CLIP, "clip"), (GENERATOR, "generator"))
    }
    assert not (profile.folder / "generator" / "text_encoder").exists()
    assert [path.name for path in profile.folder.parent.iterdir()] == ["deepfloyd"]
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    with pytest.raises(ModelFilesError, match="are there"):
        pull(profile, {}, lambda done, total: None, hub.url)


@pytest.mark.slow
def test_pull_when_it_is_interrupted(hub: FakeHub, profile: Profile, pull_it: Pull) -> None:
    """Nothing can be served until all is there; the next pull goes on in the middle of the file."""
    hub.cut_after = 12_000_000
    with pytest.raises(HubError, match="pull again"):
        pull_it()
    assert not profile.is_there
    with pytest.raises(ModelFilesError, match="robustify models pull deepfloyd"):
        _ = profile.model_digest

    hub.cut_after, hub.refusal = None, None
    hub.ranges.clear()
    pull_it()
    assert hub.ranges == [f"bytes={CHUNK}-"]
    assert profile.folder is not None
    assert list(findings(profile.folder)) == []


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        ((401, "GatedRepo"), "is gated: accept its licence"),
        ((403, "GatedRepo"), "is gated: accept its licence"),
        ((401, "RepoNotFound"), "is not on the hub, or not for your token"),
        ((403, ""), "answered 403"),
        ((500, ""), "answered 500"),
    ],
)
def test_pull_when_the_hub_refuses(
    hub: FakeHub, profile: Profile, pull_it: Pull, refusal: tuple[int, str], said: str
) -> None:
    """A sentence that says what to do."""
    hub.refusal = refusal
    with pytest.raises(HubError, match=said):
        pull_it()
    assert not profile.is_there


def test_pull_when_the_hub_is_out_of_reach(profile: Profile) -> None:
    """HubError that names what may be in the way."""
    with pytest.raises(HubError, match="cannot be reached.*HF_ENDPOINT"):
        pull(profile, {}, lambda done, total: None, "http://127.0.0.1:9")


@pytest.mark.slow
def test_pull_when_the_bytes_are_others(hub: FakeHub, profile: Profile, pull_it: Pull) -> None:
    """A file that is not what the hub says it is does not stay."""
    hub.lies = True
    with pytest.raises(ModelFilesError, match="another sha256"):
        pull_it()
    assert not profile.is_there
    hub.lies = False
    pull_it()


def test_pull_when_there_is_only_a_pickle(hub: FakeHub, pull_it: Pull) -> None:
    """It is refused before anything is downloaded."""
    weights = hub.root / DENOISER / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ModelFilesError, match="pickle"):
        pull_it()
    assert not hub.sent


def test_pull_when_the_unet_is_of_another_kind(hub: FakeHub, pull_it: Pull) -> None:
    """A base stage in the place of the denoiser is refused before any weights are downloaded."""
    hub.add(DENOISER, BUNDLED / "generator")
    hub.add(DENOISER, BUNDLED / "denoiser" / "image_noising_scheduler", "image_noising_scheduler")
    with pytest.raises(ModelFilesError, match="no super-resolution model"):
        pull_it()
    assert not any(name.endswith(".safetensors") for name in hub.sent)


@pytest.mark.slow
def test_pull_when_a_revision_is_named(pull_it: Pull) -> None:
    """It is asked for; one that is not there, or of a repository that is not needed, is refused."""
    with pytest.raises(HubError, match="no such revision"):
        pull_it(**{DENOISER: "v9"})
    with pytest.raises(ModelFilesError, match="nothing from some/body"):
        pull_it(**{"some/body": "v1"})
    pull_it(**{DENOISER: COMMIT})


def test_models_from_a_folder(profile: Profile, tmp_path: Path) -> None:
    """They are taken over with a manifest and without the hub; what is missing or of another kind is refused."""
    adopt(profile, BUNDLED, lambda done, total: None)
    assert profile.folder is not None
    assert list(findings(profile.folder)) == []
    resnet = replace(find_profile("deepfloyd-resnet50"), folder=tmp_path / "models" / "resnet")
    with pytest.raises(ModelError, match=r"config\.json"):
        adopt(resnet, BUNDLED, lambda done, total: None)
    unconditional = replace(find_profile("unconditional-clip"), folder=tmp_path / "models" / "unconditional")
    with pytest.raises(ModelFilesError, match="no unconditional model"):
        adopt(unconditional, BUNDLED, lambda done, total: None)
