"""Options of classifiers of transformers with classes of their own."""

from adapters.profiles.options.preparing import PreparingOptions


class TransformersImageOptions(PreparingOptions):
    """Nothing but how images are prepared: the rest is in the model's folder."""
