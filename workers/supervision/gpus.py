"""Which GPUs `robustify up --gpus` means, of those that are there, and how a worker is shown one of them."""

import os
import re
from collections.abc import Mapping, Sequence

from robustify.errors import InvalidInputError, ModelError

VISIBLE, ORDER = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"
AS_LISTED = "PCI_BUS_ID"
"""The order of `nvidia-smi`; by itself CUDA counts the fastest first."""
EVERY = "all"
HOW_MANY = re.compile("[0-9]{1,4}")
WHICH = re.compile("([0-9]{1,4})(,[0-9]{1,4})*,?")
USAGE = 'say all, how many (2), or which by their numbers (0,2; one alone as "2,")'


def chosen_gpus(asked: str, there: Sequence[str]) -> tuple[str, ...]:
    """The names of those that are meant, of the names of all.

    Raises InvalidInputError for what means nothing, and ModelError for what is not there.
    """
    numbers = asked_numbers(asked.replace(" ", ""), len(there))
    if not there:
        raise ModelError("there is no GPU here that CUDA can use: leave --gpus out, or see to nvidia-smi first")
    if unknown := [number for number in numbers if number >= len(there)]:
        raise ModelError(f"there is no GPU {unknown[0]} here: there are {len(there)}, numbered from 0 ({USAGE})")
    return tuple(there[number] for number in numbers)


def asked_numbers(asked: str, count: int) -> Sequence[int]:
    """Their numbers, of which some may be beyond the `count` that is there."""
    if asked == EVERY:
        return range(count)
    if HOW_MANY.fullmatch(asked) and int(asked):
        return range(int(asked))
    if WHICH.fullmatch(asked) and "," in asked:
        numbers = [int(number) for number in asked.split(",") if number]
        if len(set(numbers)) == len(numbers):
            return numbers
        raise InvalidInputError(f"--gpus {asked} names a GPU twice: each has one worker; {USAGE}")
    raise InvalidInputError(f"--gpus {asked!r} means nothing: {USAGE}")


def environment_of_gpu(name: str, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What shows a child process this GPU as its only one. A number is that of `nvidia-smi`, unless the environment has
    chosen another order, or which GPUs there are.
    """
    ordered = {} if {VISIBLE, ORDER} & environment.keys() else {ORDER: AS_LISTED}
    return {**ordered, VISIBLE: name}
