"""What a profile's kind of classifier says of gradients, before anything is loaded, and what the loaded one says."""

from adapters.models.classifiers.black_box import RemoteVotes
from adapters.models.classifiers.fixed import FixedClasses
from adapters.models.classifiers.onnx_model import OnnxClasses
from adapters.models.classifiers.transformers_zero_shot import DualEncoderClassifier
from adapters.profiles.kinds import CLASSIFIERS, has_gradients


def test_kinds_when_their_classes_are_loaded() -> None:
    """Both say the same: an attack that a worker would refuse is refused when it is asked for."""
    assert {kind for kind in CLASSIFIERS if not has_gradients(kind)} == {"onnx", "remote"}
    assert not OnnxClasses.has_gradients
    assert not RemoteVotes.has_gradients
    assert FixedClasses.has_gradients
    assert DualEncoderClassifier.has_gradients
