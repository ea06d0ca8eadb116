"""Whose turn it is when more of everything waits than a worker can do: predictions first, but not for ever."""

import time

SHARE_OF_THE_REST = 0.25
"""Of a worker's time, while both wait."""
AHEAD_SECONDS = 2.0
"""Predictions may take so much more than their share, so that a few never wait."""


class Turns:
    """Keeps account of how far predictions are ahead of their share of the time; times are of a monotonic clock."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._since = time.monotonic()

    @property
    def are_predictions_first(self) -> bool:
        return self._ahead < AHEAD_SECONDS

    def begin(self) -> None:
        """What is charged next begins now; the time until now was nobody's."""
        self._since = time.monotonic()

    def charge(self, is_prediction: bool) -> None:
        """The time since the last charge, or since it began, was spent on a prediction, or on something else."""
        now = time.monotonic()
        self.note(is_prediction, now - self._since)
        self._since = now

    def note(self, is_prediction: bool, seconds: float) -> None:
        """A second of the rest pays for as many of predictions as their share is larger."""
        paid = seconds if is_prediction else -seconds * (1 - SHARE_OF_THE_REST) / SHARE_OF_THE_REST
        self._ahead = min(2 * AHEAD_SECONDS, max(0.0, self._ahead + paid))
