"""The ledger as it is stored: each answer once, whoever adds up, and whatever the queue server has forgotten."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.store import ledger as ledger_module
from adapters.store.ledger import Charge, LedgerStore
from adapters.store.objects import Objects
from robustify.errors import StoreUnavailableError

CERTIFY, PREDICT = "certify:0.001", "predict:0.05"


def given(what: str, *owners: str) -> Charge:
    """For an answer."""
    return Charge(what, owners, is_first=True)


@pytest.fixture
def ledger(objects: Objects) -> LedgerStore:
    return LedgerStore(objects)


def test_answer_when_it_is_noted_again(ledger: LedgerStore) -> None:
    """It counts once, for all and for each key that it was given to."""
    for _ in range(2):
        ledger.note("job1", given(CERTIFY, "", "ann"))
    ledger.note("job2", given(PREDICT, "ann", "bob"))
    assert ledger.sums() == {
        "": {CERTIFY: 1, PREDICT: 1},
        "ann": {CERTIFY: 1, PREDICT: 1},
        "bob": {PREDICT: 1},
    }


def test_answer_when_its_votes_were_seen_before(ledger: LedgerStore) -> None:
    """Who saw them is charged once, and all together once."""
    ledger.note("job1", Charge(PREDICT, ("ann",), is_first=True, watcher="ann"))
    ledger.note("job1", Charge(PREDICT, ("",), is_first=False, watcher=""))
    ledger.note("job1", Charge(PREDICT, ("bob",), is_first=False))
    assert ledger.sums() == {"": {PREDICT: 1}, "ann": {PREDICT: 1}, "bob": {PREDICT: 1}}


def test_sums_when_they_are_added_up(ledger: LedgerStore, objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    """They stay what they are, step by step, and few objects are left."""
    monkeypatch.setattr(ledger_module, "MOST_AT_ONCE", 2)
    ledger.begin(lambda: {})
    for number in range(5):
        ledger.note(f"job{number}", given(CERTIFY, ""))
    for _ in range(4):
        ledger.add_up()
        assert ledger.sums() == {"": {CERTIFY: 5}}
    assert [entry.name for entry in objects.entries()] == ["sums.json"]


def test_sums_when_who_adds_up_dies(ledger: LedgerStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has counted and not removed is counted no more."""
    ledger.begin(lambda: {})
    ledger.note("job1", given(CERTIFY, ""))
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "_remove", lambda names: None)
        ledger.add_up()
    assert ledger.sums() == {"": {CERTIFY: 1}}
    ledger.note("job2", given(CERTIFY, ""))
    ledger.add_up()
    assert ledger.sums() == {"": {CERTIFY: 2}}


def test_sums_when_many_add_up_at_once(ledger: LedgerStore) -> None:
    """Nothing is counted twice, and nothing lost."""
    ledger.begin(lambda: {})

    def note_and_add_up(number: int) -> None:
        ledger.note(f"job{number}", given(CERTIFY, "ann"))
        ledger.add_up()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(note_and_add_up, range(20)))
    assert ledger.sums() == {"": {CERTIFY: 20}, "ann": {CERTIFY: 20}}


def test_ledger_when_something_was_counted_before(ledger: LedgerStore) -> None:
    """It begins with that, less what is noted already; it begins once."""
    ledger.note("job1", given(CERTIFY, ""))
    ledger.add_up()
    ledger.begin(lambda: {"": {CERTIFY: 10}, "ann": {PREDICT: 3}})
    ledger.begin(lambda: {"": {CERTIFY: 99}})
    assert ledger.sums() == {"": {CERTIFY: 10}, "ann": {PREDICT: 3}}


def test_sums_that_are_damaged(ledger: LedgerStore, objects: Objects) -> None:
    """They are told of, and never begun anew."""
    objects.write("sums.json", b"{")
    with pytest.raises(StoreUnavailableError, match="sums of the ledger"):
        ledger.sums()
