"""What is proposed, by what was measured."""

import pytest

from adapters.models.tuning_choices import (
    LARGEST_SHARD,
    Choice,
    End,
    Measured,
    Speed,
    agreement,
    choose,
    chosen_shard,
    chosen_speed,
    is_flat,
)
from robustify.errors import ModelError

SAME = (1,) * 200
ONE_OTHER = (*SAME[1:], 0)
TWO_OTHERS = (*SAME[2:], 0, 0)
LOST = (*SAME[1:], None)
FLOAT32 = Measured("float32", (Speed(10, 90.0), Speed(20, 100.0)), End.FLAT, SAME)


def bfloat16(rate: float, votes: tuple[int | None, ...]) -> Measured:
    return Measured("bfloat16", (Speed(50, rate),), End.FLAT, votes)


@pytest.mark.parametrize(
    ("rate", "votes", "dtype"),
    [
        (130.0, SAME, "bfloat16"),
        (130.0, ONE_OTHER, "bfloat16"),
        (900.0, TWO_OTHERS, "float32"),
        (129.0, SAME, "float32"),
        (900.0, LOST, "float32"),
        (900.0, SAME[:199], "float32"),
    ],
)
def test_number_format(rate: float, votes: tuple[int | None, ...], dtype: str) -> None:
    """bfloat16 where it is 1.3 times as fast, and 99.5 % of 200 votes are the same, and none is lost."""
    assert choose(FLOAT32, bfloat16(rate, votes)).dtype == dtype


def test_choice_of_everything() -> None:
    """Batch and shard are those of the format that is chosen."""
    assert choose(FLOAT32, bfloat16(1000.0, SAME)) == Choice("bfloat16", 50, 1500, 1000.0)
    assert choose(FLOAT32, bfloat16(100.0, SAME)) == Choice("float32", 20, 160, 100.0)


def test_number_format_when_one_alone_runs() -> None:
    """It is proposed, however few votes there are; where none runs, the message says why."""
    no_room = Measured("float32", end=End.MEMORY)
    assert choose(no_room, bfloat16(1.0, SAME[:10])).dtype == "bfloat16"
    assert choose(FLOAT32, Measured("bfloat16", end=End.FAILED)).dtype == "float32"
    with pytest.raises(ModelError, match=r"float32: out of memory; bfloat16: some samples have no finite logits"):
        choose(no_room, bfloat16(1.0, LOST))


@pytest.mark.parametrize(
    ("rates", "batch"), [((50, 100, 101), 2), ((50, 96, 100), 5), ((100, 97, 90), 1), ((97, 100, 100), 1)]
)
def test_batch(rates: tuple[float, ...], batch: int) -> None:
    """The smallest within 3 % of the fastest."""
    assert chosen_speed([Speed(size, rate) for size, rate in zip((1, 2, 5), rates, strict=True)]).batch == batch


@pytest.mark.parametrize(
    ("batch", "rate", "shard"),
    [(25, 60.0, 100), (10, 0.5, 10), (1, 100.0, 150), (500, 1e6, LARGEST_SHARD), (7, 1e6, 99_995)],
)
def test_shard(batch: int, rate: float, shard: int) -> None:
    """Whole batches for a second and a half: one at least, and no more than a file may say."""
    assert chosen_shard(Speed(batch, rate)) == shard


@pytest.mark.parametrize(
    ("rates", "flat"),
    [((10,), False), ((10, 10), False), ((10, 10, 10), True), ((10, 9, 10.5), False), ((10, 20, 20, 20.9), True)],
)
def test_growth(rates: tuple[float, ...], flat: bool) -> None:
    """Two sizes without 5 % more end it; one alone may have met a busy moment."""
    assert is_flat([Speed(size, rate) for size, rate in enumerate(rates, start=1)]) is flat


def test_agreement() -> None:
    """Of the samples that both saw; one without a vote agrees with none, not even with another like it."""
    assert agreement((1, 2, 3, 4), (1, 2, 0)) == 2 / 3
    assert agreement((None, 1), (None, 1)) == 0.5
