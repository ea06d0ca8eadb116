"""Settings from the environment (`ROBUSTIFY_*`); the only reader of the environment."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, HttpUrl, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

MEBIBYTE = 1 << 20
STORE_SCHEMES = ("s3", "gs", "az")
STORE_OPTIONS = frozenset({"endpoint", "region"})
NumberFormat = Literal["float32", "bfloat16"]


def checked_address(text: str) -> str:
    """As it was written, if it is an address of HTTP."""
    HttpUrl(text)
    return text


def checked_store(text: str) -> str:
    """As it was written, if it is the address of a bucket, and has no secrets in it."""
    parts = urlsplit(text)
    if parts.scheme not in STORE_SCHEMES or not parts.hostname:
        raise ValueError(f"it must be one of {', '.join(f'{scheme}://bucket/prefix' for scheme in STORE_SCHEMES)}")
    if parts.username or parts.password:
        raise ValueError("credentials do not belong in it: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role")
    known = STORE_OPTIONS if parts.scheme == "s3" else frozenset[str]()
    if unknown := set(parse_qs(parts.query, keep_blank_values=True)) - known:
        raise ValueError(f"it knows no option {min(unknown)}: s3:// has {', '.join(sorted(STORE_OPTIONS))}")
    return text


class Settings(BaseSettings):
    """One process's settings; processes that share jobs must share the keys and everything that decides f."""

    model_config = SettingsConfigDict(env_prefix="ROBUSTIFY_", env_ignore_empty=True, frozen=True)

    profile: str = Field("mini", description="The models to serve: see `robustify models`.")
    further_profiles: str | None = Field(
        None, description="Other profiles that the API serves too, with commas between; each needs workers of its own."
    )
    state_dir: Annotated[Path, AfterValidator(Path.expanduser), AfterValidator(Path.absolute)] = Field(
        Path("~/.local/state/robustify"),
        validate_default=True,
        description="Folder of the keys, the images and the embedded queue's data.",
    )
    models_dir: Annotated[Path, AfterValidator(Path.expanduser), AfterValidator(Path.absolute)] | None = Field(
        None, description="Folder of pulled models, one subfolder a profile; by default `models` in the state folder."
    )
    profiles_dir: Annotated[Path, AfterValidator(Path.expanduser), AfterValidator(Path.absolute)] | None = Field(
        None, description="Folder of your own profiles, one TOML file each; by default `profiles` in the state folder."
    )
    store: Annotated[str, AfterValidator(checked_store)] | None = Field(
        None,
        description="Object store of all that is stored, such as s3://bucket/prefix; by default the state folder.",
    )
    store_cache_bytes: int = Field(
        2048 * MEBIBYTE, ge=MEBIBYTE, description="Disk for copies of what is in the object store; the oldest go first."
    )
    redis_url: str | None = Field(None, description="Queue server; without it `robustify up` starts an embedded one.")
    queue_bytes: int = Field(
        512 * MEBIBYTE,
        ge=16 * MEBIBYTE,
        description="Memory of the embedded queue server; full, it refuses writes, and requests get 503.",
    )
    noise_key: SecretStr | None = Field(
        None, description="RSA key of the noise, in PEM; made at first start and kept in the state folder."
    )
    noise_key_file: Path | None = Field(None, description="File of that key instead, as containers get their secrets.")
    signing_key: SecretStr | None = Field(
        None, description="Hex Ed25519 key that signs certificates; made at first start and kept in the state folder."
    )
    signing_key_file: Path | None = Field(None, description="File of that key instead.")
    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port that the API listens on.")
    root_path: str = Field(
        "", pattern=r"^(/[A-Za-z0-9._~-]+)*$", description="Path prefix under which a proxy shows the API."
    )
    trusted_proxies: str | None = Field(
        None, description="Addresses of proxies whose X-Forwarded-For and -Proto count, with commas between them."
    )
    keyless: Literal["loopback", "nobody", "anybody"] = Field(
        "loopback", description="Who may ask without a key: who reaches a loopback address, nobody, or anybody."
    )
    allowed_hosts: str | None = Field(
        None, description="Names by which the API may be reached, with commas between them; loopback is always one."
    )
    allowed_origins: str | None = Field(
        None, description="Origins of web pages that may use the API (CORS), with commas between them."
    )
    requests_per_minute: int = Field(
        600, ge=1, description="Requests that one key may send, unless it has an allowance of its own."
    )
    samples_per_day: int | None = Field(
        None, ge=1, description="Noisy samples that one key may ask for; by default any number."
    )
    kinds: str = Field(
        "predict,preview,certify,adapt",
        pattern=r"^(predict|preview|certify|adapt)(,(predict|preview|certify|adapt))*$",
        description="Kinds of job that the worker takes.",
    )
    device: str = Field("cpu", pattern=r"^(cpu|cuda(:\d+)?|mps)$", description="Torch device of the worker.")
    dtype: NumberFormat | None = Field(
        None, description="Number format of the models; part of the fingerprint; by default the profile's."
    )
    folded: bool = Field(
        True, description="Denoise with the folded UNet, an equal and faster one; part of the fingerprint."
    )
    cuda_graphs: bool = Field(
        False, description="Launch the folded network as one CUDA graph; needs a GPU; part of the fingerprint."
    )
    threads: int | None = Field(None, ge=1, description="Threads of one worker; by default all cores, or a share.")
    batch_size: int | None = Field(
        None, ge=1, description="Samples of one forward pass; part of the fingerprint; by default the profile's."
    )
    shard_samples: int | None = Field(None, ge=1, description="Samples of one shard; by default the profile's.")
    micro_batch_size: int | None = Field(
        None, ge=1, description="Images that an adaptation trains on at once; by default the profile's."
    )
    max_adapt_samples: int = Field(
        800_000, ge=1, description="Work of the largest adaptation that is accepted, in passes of one sample."
    )
    max_adapt_bytes: int = Field(
        2048 * MEBIBYTE, ge=1, description="Memory that the sizes in a request to adapt may take beside the models."
    )
    max_task_bytes: int = Field(
        2048 * MEBIBYTE, ge=0, description="Memory of a worker for what tasks have of their own; the oldest goes first."
    )
    timestep_rule: Literal["exact", "search"] = Field("exact", description="How Eq. 6 is solved.")
    k: float | None = Field(
        None, ge=0, le=10, allow_inf_nan=False, description="Correction factor of Eq. 8; by default the profile's."
    )
    classifier_url: Annotated[str, AfterValidator(checked_address)] | None = Field(
        None,
        description="Where profile mini-remote has its votes from; part of the fingerprint.",
    )
    classifier_contract: Literal["robustify", "hf-image-classification", "hf-zero-shot", "kserve-v2"] = Field(
        "robustify",
        description="How that address is asked: as this service is, as Hugging Face's two tasks, or by KServe's V2 "
        "protocol; part of the fingerprint.",
    )
    classifier_identity: str | None = Field(
        None,
        max_length=200,
        description="What answers there, such as the name and version of the model behind the token; part of the "
        "fingerprint: change it when the answers change.",
    )
    api_key: SecretStr | None = Field(None, description="Key that the command line sends to a running server.")
    classifier_token: SecretStr | None = Field(None, description="Bearer token for that address.")
    classifier_calls: int = Field(8, ge=1, le=256, description="Calls to that address that are under way at once.")
    classifier_budget: int | None = Field(
        None, ge=1, description="Calls that one worker may make; then no sample gets a vote any more."
    )
    classifier_timeout_seconds: float = Field(
        10.0, gt=0, allow_inf_nan=False, description="How long one call may take; it is tried three times."
    )
    max_upload_bytes: int = Field(10 * MEBIBYTE, ge=1024, description="Largest accepted image file.")
    max_batch_bytes: int = Field(
        64 * MEBIBYTE, ge=1024, description="Images of one batch together, in a form; in JSON a quarter of it."
    )
    max_body_bytes_in_flight: int = Field(
        256 * MEBIBYTE, ge=MEBIBYTE, description="Memory for bodies that are being read or decoded; more get 503."
    )
    min_free_bytes: int = Field(
        64 * MEBIBYTE, ge=0, description="With less free on the disk of the images, nothing new is stored: 503."
    )
    max_questions_per_image: int | None = Field(
        None, ge=1, description="Questions that may be asked about one image; by default any number, each charged."
    )
    max_queued_jobs: int = Field(1000, ge=1, description="Jobs of one kind that may wait; more are refused with 503.")
    max_queued_jobs_per_key: int = Field(
        250, ge=1, description="Jobs of one kind that one key may have waiting; more are refused with 429."
    )
    max_stored_bytes_per_key: int | None = Field(
        None, ge=1, description="Bytes of images that one key may have stored; by default any number."
    )
    queue_seconds: int = Field(
        3600, ge=1, description="A job that has waited so long for a worker, or for its next votes, expires."
    )
    retention_seconds: int = Field(86400, ge=1, description="How long a finished job and its image are kept.")
    outcome_seconds: int = Field(
        30 * 86400, ge=1, description="How long the outcome of a question is kept; then it is computed again, alike."
    )
    lease_seconds: float = Field(
        10.0, ge=0.1, allow_inf_nan=False, description="A shard of a worker that is silent for so long goes to another."
    )
    webhook_hosts: str | None = Field(
        None,
        description="Names, addresses and networks that webhooks may reach on a closed network, with commas between.",
    )
    webhook_secret: SecretStr | None = Field(
        None, description="Hex key that the secrets of webhooks are made of; by default one in the state folder."
    )
    webhook_secret_file: Path | None = Field(None, description="File of that key instead.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe level that is logged."
    )

    @property
    def state(self) -> "StateFolder":
        """What is stored on disk; all processes that serve the same tasks must see the same folder."""
        return StateFolder(self.state_dir)

    @property
    def models_folder(self) -> Path:
        """Where the models of profiles that are not bundled are."""
        return self.models_dir or self.state.models

    @property
    def profiles_folder(self) -> Path:
        """Where the user's own profiles are."""
        return self.profiles_dir or self.state.profiles


@dataclass(frozen=True)
class StateFolder:
    """Every path of the state folder: what is stored on disk, and nothing else is."""

    root: Path

    @property
    def noise_key(self) -> Path:
        """The private key of the noise, in PEM."""
        return self.root / "noise_key"

    @property
    def public_noise_key(self) -> Path:
        """Its public half, which whoever holds the private one writes for the others."""
        return self.root / "noise_key.json"

    @property
    def signing_key(self) -> Path:
        """The private key that signs certificates, in hexadecimal."""
        return self.root / "signing_key"

    @property
    def webhook_secret(self) -> Path:
        """What the secrets of webhooks are made of, in hexadecimal."""
        return self.root / "webhook_secret"

    @property
    def uploads(self) -> Path:
        """Batches while they are being read; nothing in it has a name."""
        return self.root / "uploads"

    @property
    def images(self) -> Path:
        """Canonical tensors by their sha256 (`adapters/store/tensors.py`)."""
        return self.root / "images"

    @property
    def tasks(self) -> Path:
        """One JSON file a task (`adapters/store/tasks.py`)."""
        return self.root / "tasks"

    @property
    def api_keys(self) -> Path:
        """The keys that callers have, as digests (`adapters/store/api_keys.py`)."""
        return self.root / "api_keys.json"

    @property
    def previews(self) -> Path:
        """The pictures of previews, by owner and job (`adapters/store/previews.py`)."""
        return self.root / "previews"

    @property
    def outcomes(self) -> Path:
        """What was answered, by question (`adapters/store/outcomes.py`)."""
        return self.root / "outcomes"

    @property
    def adaptations(self) -> Path:
        """What was adapted, in folders named by digest (`adapters/store/adaptations.py`)."""
        return self.root / "adaptations"

    @property
    def ledger(self) -> Path:
        """What was given out, one entry each until they are added up (`adapters/store/ledger.py`)."""
        return self.root / "ledger"

    @property
    def cache(self) -> Path:
        """Copies of what is in an object store (`adapters/store/disk_cache.py`)."""
        return self.root / "cache"

    @property
    def adapting(self) -> Path:
        """The work of adaptations that are under way, which outlives a worker."""
        return self.root / "adapting"

    @property
    def models(self) -> Path:
        """Models that were pulled, one subfolder a profile, unless ROBUSTIFY_MODELS_DIR says otherwise."""
        return self.root / "models"

    @property
    def profiles(self) -> Path:
        """The user's own profiles, unless ROBUSTIFY_PROFILES_DIR says otherwise."""
        return self.root / "profiles"

    @property
    def prompts(self) -> Path:
        """Embedded prompts, named by digest; they can be made again."""
        return self.root / "prompts"

    @property
    def queue(self) -> Path:
        """The append-only file of the embedded queue server: jobs, votes, outcomes and the ledger."""
        return self.root / "queue"
