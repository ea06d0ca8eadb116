"""A classifier is tried before its files are served: loaded, and asked about one picture with two labels."""

from dataclasses import replace
from pathlib import Path

import torch

from adapters.models.classifiers.clip import ClipModel
from adapters.models.kinds import CLASSIFIERS, AnyClassifier
from adapters.models.loaded import Placement
from adapters.models.process import silence_vendors
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from robustify.errors import ModelError, ModelFilesError
from robustify.interfaces import Classifier
from robustify.types import Task

LABELS = ("cat", "dog")
GREY = 0.5


def try_classifier(profile: Profile, settings: Settings, folder: Path) -> None:
    """Raises ModelFilesError when the classifier in the folder of a profile does not answer; on the CPU, in float32."""
    # Not pulled: the folder has no manifest yet, without which a pulled profile reads no list of classes.
    tried = replace(profile, folder=folder, pulled=False)
    silence_vendors()
    placement = Placement(tried, settings, torch.device("cpu"), torch.float32)
    try:
        logits = answered(CLASSIFIERS[profile.classifier](placement), tried)
    except ModelError:
        raise
    # Any: what the files of strangers make of the model libraries is no list of ours.
    except Exception as error:
        raise ModelFilesError(
            f"the classifier of profile {profile.name} was tried and gave no answer ({type(error).__name__}): its "
            "files do not fit together"
        ) from error
    if not logits.isfinite().all():
        raise ModelFilesError(f"the classifier of profile {profile.name} was tried and gave no finite numbers")


@torch.inference_mode()
def answered(classifier: AnyClassifier, profile: Profile) -> torch.Tensor:
    """Logits (1, 2) of a grey picture."""
    task = Task(LABELS if profile.class_names is None else profile.class_names[:2])
    picture = torch.full((1, 3, profile.side, profile.side), GREY)
    return for_task(classifier, task)(picture)


def for_task(classifier: AnyClassifier, task: Task) -> Classifier:
    return classifier.zero_shot(task) if isinstance(classifier, ClipModel) else classifier.for_task(task)
