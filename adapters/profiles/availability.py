"""Whether a profile's models can be there, looked at before anything is started; no model library."""

from adapters.profiles.manifest import bytes_of, findings, quick_findings
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from robustify.errors import ModelError, ModelFilesError

QUICKLY_READ_BYTES = 1 << 29
"""So much is read again at once; what is larger, each worker checks when it loads it."""


def check_presence(profile: Profile, settings: Settings) -> None:
    """Raises ModelError, in one sentence, for what is missing, not listed or, if that is soon told, changed."""
    check_graphs(settings)
    _ = profile.model_digest  # Says what to do where there is no manifest.
    for weights in profile.packaged:
        weights.checked_path()
    if profile.classifier == "remote" and settings.classifier_url is None:
        raise ModelError("no black box is named: set ROBUSTIFY_CLASSIFIER_URL")
    if profile.folder is not None:
        look = findings if bytes_of(profile.folder) <= QUICKLY_READ_BYTES else quick_findings
        for finding in look(profile.folder):
            raise ModelFilesError(finding)


def check_graphs(settings: Settings) -> None:
    """Raises ModelError where CUDA graphs are asked for, and there could be none: no certificate may name them then."""
    if not settings.cuda_graphs:
        return
    if not settings.device.startswith("cuda"):
        raise ModelError(
            f"ROBUSTIFY_CUDA_GRAPHS needs an NVIDIA GPU, and ROBUSTIFY_DEVICE is {settings.device}: leave it out, or "
            "set ROBUSTIFY_DEVICE to cuda"
        )
    if not settings.folded:
        raise ModelError("ROBUSTIFY_CUDA_GRAPHS is of the folded network, and ROBUSTIFY_FOLDED is false: change one")
