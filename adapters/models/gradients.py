"""Whether an attack can follow gradients through a classifier.

Denoisers have gradients as they are served, folded ones too: an attack needs no models but those that answer.
"""

from robustify.interfaces import Classifier


def has_gradients(classifier: Classifier) -> bool:
    """Of its logits with respect to the images; a classifier that does not say so has them."""
    return bool(getattr(classifier, "has_gradients", True))
