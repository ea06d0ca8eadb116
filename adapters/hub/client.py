"""The model hub: which files a repository has at which commit, and one file after the other, resumed and checked."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

import httpx2
from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]
from huggingface_hub.utils import logging as hub_logging

from adapters.hub.config_checks import OPEN_CLIP_CONFIG, TOKENIZER_FILES
from adapters.profiles.manifest import OnBytes, is_pickle, sha256_of
from adapters.profiles.weights import IGNORED_PATTERNS, HubSource
from robustify.errors import HubError, ModelFilesError

METADATA_SECONDS = 30.0
INCOMPLETE = ".incomplete"


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository; `sha256` is known of large files only."""

    name: str
    size: int
    sha256: str | None


@dataclass(frozen=True)
class Plan:
    """What is to be had from where: `commit` is the resolved one, whatever revision was asked for."""

    source: HubSource
    commit: str
    files: Sequence[RemoteFile]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def make_plan(source: HubSource, revision: str | None = None, endpoint: str | None = None) -> Plan:
    """Asks the hub, by default that of HF_ENDPOINT. Raises HubError, or ModelFilesError where something is lacking."""
    commit, found = list_repository(source.repo, revision, endpoint)
    files = [file for file in found if is_wanted(file.name, source)]
    check_complete(source, [file.name for file in files], [file.name for file in found])
    return Plan(source, commit, files)


def list_repository(repo: str, revision: str | None, endpoint: str | None) -> tuple[str, Sequence[RemoteFile]]:
    """The commit that a revision is, by default the newest, and all its files. Raises HubError."""
    with failures_of(repo):
        info = HfApi(endpoint).model_info(repo, revision=revision, files_metadata=True, timeout=METADATA_SECONDS)
    files = [
        RemoteFile(file.rfilename, file.size or 0, file.lfs.sha256 if file.lfs else None)
        for file in info.siblings or []
    ]
    return str(info.sha), files


def is_wanted(name: str, source: HubSource) -> bool:
    """What the patterns name, and the tokenizer of an open_clip model, but for pickles and copies in half precision."""
    ignored = is_pickle(name) or any(fnmatch(name, pattern) for pattern in IGNORED_PATTERNS)
    tokenizer = TOKENIZER_FILES if OPEN_CLIP_CONFIG in source.patterns else ()
    return not ignored and any(fnmatch(name, pattern) for pattern in (*source.patterns, *source.optional, *tokenizer))


def check_complete(source: HubSource, wanted: Sequence[str], there: Sequence[str]) -> None:
    """Raises ModelFilesError that names a pattern without a file, and says when there is a pickle instead."""
    for pattern in source.patterns:
        if any(fnmatch(name, pattern) for name in wanted):
            continue
        folder = pattern.rpartition("/")[0]
        only_pickle = "safetensors" in pattern and any(
            is_pickle(name) and name.rpartition("/")[0] == folder for name in there
        )
        reason = "it has a pickle instead, which is never loaded" if only_pickle else "it is no model of this kind"
        raise ModelFilesError(f"{source.place} has no {pattern.replace('*', '')}: {reason}")


def download(plan: Plan, file: RemoteFile, folder: Path, on_bytes: OnBytes, endpoint: str | None = None) -> None:
    """One file at the commit of the plan, gone on with where an earlier process was interrupted.

    Raises HubError, or ModelFilesError when a large file is another than the hub says; it does not stay then.
    """
    path = folder / file.name
    if path.is_file() and file.sha256 is not None and sha256_of(path) == file.sha256:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    incomplete = path.with_name(f"{path.name}.{file.sha256}{INCOMPLETE}")
    with failures_of(plan.source.repo), incomplete.open("ab" if file.sha256 else "wb") as stream:
        receive(plan, file, stream, on_bytes, endpoint)
    if file.sha256 is not None and sha256_of(incomplete) != file.sha256:
        incomplete.unlink()
        raise ModelFilesError(
            f"{file.name} of {plan.source.repo} came with another sha256 than the hub says: pull again"
        )
    incomplete.replace(path)


def receive(plan: Plan, file: RemoteFile, stream: BinaryIO, on_bytes: OnBytes, endpoint: str | None) -> None:
    """Appends what the stream lacks of the file. (The client's own download goes on within one process only.)"""
    url = hf_hub_url(plan.source.repo, file.name, revision=plan.commit, endpoint=endpoint)
    metadata = get_hf_file_metadata(url, timeout=METADATA_SECONDS, endpoint=endpoint)
    headers = build_hf_headers()
    if httpx2.URL(metadata.location).host != httpx2.URL(url).host:
        headers.pop("authorization", None)  # The token is for the hub, not for where it stores large files.
    http_get(
        metadata.location,
        stream,
        resume_size=stream.tell(),
        headers=headers,
        expected_size=file.size,
        tqdm_class=cast(Any, byte_counter(on_bytes)),  # Any: what it needs of tqdm, and no more.
    )


def silence_client() -> None:
    """What the hub's client logs beside what it raises is not for our users."""
    hub_logging.set_verbosity(logging.CRITICAL)


@contextmanager
def failures_of(repo: str) -> Iterator[None]:
    """Turns what the hub's client raises into one sentence that says what to do."""
    try:
        yield
    except GatedRepoError as error:
        raise HubError(
            f"{repo} is gated: accept its licence at https://huggingface.co/{repo}, and set HF_TOKEN to your token"
        ) from error
    except RevisionNotFoundError as error:
        raise HubError(f"{repo} has no such revision: name a commit, a tag or a branch of it") from error
    except RepositoryNotFoundError as error:
        raise HubError(f"{repo} is not on the hub, or not for your token: check HF_TOKEN") from error
    except (OfflineModeIsEnabled, LocalEntryNotFoundError, httpx2.TransportError) as error:
        raise HubError(
            "the model hub cannot be reached: check the network, HF_ENDPOINT and HF_HUB_OFFLINE, then pull again"
        ) from error
    except HfHubHTTPError as error:
        raise HubError(f"the model hub answered {error.response.status_code} for {repo}: pull again later") from error


def byte_counter(on_bytes: OnBytes) -> Callable[..., object]:
    """What the hub's client takes for a progress bar."""

    class Counter:
        def __init__(self, *_: object, initial: int = 0, **__: object) -> None:
            on_bytes(initial)

        def update(self, count: float | None = 1) -> None:
            on_bytes(int(count or 0))

        def close(self) -> None: ...

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

    return Counter
