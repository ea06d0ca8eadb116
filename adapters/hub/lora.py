"""A LoRA from a repository of the model hub: one safetensors file at one commit, with what states its scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from adapters.contract.exchange import SAFETENSORS, LoraRepository, WantedLora
from adapters.contract.labels import listed
from adapters.hub.client import Plan, RemoteFile, download, list_repository, silence_client
from adapters.hub.pull import OnProgress, Progress
from adapters.profiles.files import is_inside
from adapters.profiles.manifest import is_pickle
from adapters.profiles.weights import HubSource
from robustify.errors import InvalidInputError

BESIDE = "adapter_config.json"
MOST_BYTES = 1 << 31
MOST_NAMED = 10


@dataclass(frozen=True)
class FetchedLora:
    """Where the file is now, and where it was."""

    path: Path
    repository: LoraRepository


def fetch_lora(wanted: WantedLora, folder: Path, tell: OnProgress, endpoint: str | None = None) -> FetchedLora:
    """Downloads it into the folder. `endpoint`: by default that of HF_ENDPOINT.

    Raises HubError, ModelFilesError, and InvalidInputError where the repository has no such file, or several.
    """
    silence_client()
    commit, found = list_repository(wanted.repo, wanted.revision, endpoint)
    there = [file for file in found if is_inside(file.name)]
    lora = chosen(wanted, there)
    check_size(lora)
    beside = PurePosixPath(lora.name).with_name(BESIDE).as_posix()
    plan = Plan(HubSource(wanted.repo, "", ()), commit, [file for file in there if file.name in (lora.name, beside)])
    progress = Progress(plan.size, tell)
    for file in plan.files:
        download(plan, file, folder, progress.add, endpoint)
    return FetchedLora(folder / lora.name, LoraRepository(repo=wanted.repo, revision=commit, file=lora.name))


def chosen(wanted: WantedLora, there: Sequence[RemoteFile]) -> RemoteFile:
    """The file that is named; else the only one, or the only one at the top, where others are of earlier steps."""
    if wanted.file is not None:
        return named(wanted.file, wanted.repo, there)
    found = [file for file in there if file.name.endswith(SAFETENSORS)]
    at_top = [file for file in found if "/" not in file.name]
    if len(found) == 1 or len(at_top) == 1:
        return (at_top or found)[0]
    raise refusal(wanted.repo, [file.name for file in found], [file.name for file in there])


def named(name: str, repo: str, there: Sequence[RemoteFile]) -> RemoteFile:
    if not name.endswith(SAFETENSORS):
        raise InvalidInputError(f"{name} is no safetensors file: others are not read, as they may run code", "file")
    for file in there:
        if file.name == name:
            return file
    raise InvalidInputError(f"{repo} has no file {name}", field="file")


def refusal(repo: str, found: Sequence[str], there: Sequence[str]) -> InvalidInputError:
    if found:
        names = listed(found[:MOST_NAMED], len(found))
        return InvalidInputError(f"{repo} has {len(found)} safetensors files: choose one with --file: {names}", "lora")
    if any(map(is_pickle, there)):
        why = "its weights may run code when they are read, as pickles do: convert them to safetensors"
        return InvalidInputError(f"{repo} has no safetensors file, and {why}", field="lora")
    return InvalidInputError(f"{repo} has no safetensors file: it is no LoRA", field="lora")


def check_size(file: RemoteFile) -> None:
    if file.size > MOST_BYTES:
        raise InvalidInputError(
            f"{file.name} has {file.size / 1e9:.1f} GB, which are the weights of a whole model: a LoRA has fewer than "
            f"{MOST_BYTES / 1e9:.1f} GB",
            field="lora",
        )
