"""The board as it is tidied up: whose turn it is, what is still needed, and what earlier releases left behind."""

from collections.abc import Iterator

from adapters.contract.jobs import JobRecord
from adapters.queue.board_script import BoardScript
from adapters.queue.reading import record_if_any


class Keeping:
    """What is asked of the board before something is removed for good."""

    _call: BoardScript

    def take_turn(self, what: str, seconds: float) -> bool:
        """Whether no process has done something for so long; then it counts as done from here on."""
        return bool(self._call("turn", what=what, milliseconds=max(1, int(seconds * 1000))))

    def live_jobs(self) -> Iterator[JobRecord]:
        """The jobs that are not done, under their own ids; one that comes further meanwhile may come twice."""
        for begun in (False, True):  # One that begins meanwhile comes as one that has begun, too.
            start = "-inf"
            while start:
                start, found = self._call("live_jobs", begun=begun, **{"from": start})
                for job_id in found:
                    if record := record_if_any(job_id, self._call("get", job=job_id)):
                        yield record

    def wants_image(self, image: str) -> bool:
        """Whether somebody needs an image, or will for a while."""
        return bool(self._call("wants_image", image=image))

    def earlier_keys(self, drops: bool) -> Iterator[tuple[str, int]]:
        """The keys of earlier releases that nothing reads any more, each with its bytes; removed if `drops` says so.

        A key may come twice where it is not removed.
        """
        place = "0"
        while True:
            place, found = self._call("earlier_keys", place=place, drops=drops)
            yield from zip(found[::2], map(int, found[1::2]), strict=True)
            if place == "0":
                return
