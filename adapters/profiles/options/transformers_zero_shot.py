"""Options of the zero-shot models of transformers: CLIP, SigLIP and SigLIP 2."""

from adapters.profiles.options.preparing import PreparingOptions


class TransformersZeroShotOptions(PreparingOptions):
    """Nothing but how images are prepared: the rest is in the model's folder."""
