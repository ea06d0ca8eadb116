"""The ledger adds up many small alphas without losing any."""

from adapters.contract.ledger import Ledger, ledger_entry


def test_alpha_of_many_certificates() -> None:
    """A million at 1e-9 and three at 0.001 add up exactly; a running sum of floats would not."""
    ledger = Ledger.of({ledger_entry("certify", 1e-9): "1000000", ledger_entry("certify", 0.001): "3"})

    assert ledger.certificates.issued == 1_000_003
    assert ledger.certificates.alpha == 0.004
    assert list(ledger.certificates.counts) == ["1e-09", "0.001"]


def test_alpha_of_more_than_everything() -> None:
    """A probability is never more than 1."""
    assert Ledger.of({"certify:0.05": 1000}).certificates.alpha == 1.0


def test_predictions_are_apart() -> None:
    """Neither kind is charged for the other, and nothing costs nothing."""
    ledger = Ledger.of({"predict:0.001": "2"})

    assert (ledger.predictions.issued, ledger.predictions.alpha) == (2, 0.002)
    assert (ledger.certificates.issued, ledger.certificates.alpha) == (0, 0.0)
