"""schemathesis against a running service: what the description allows and forbids; `make fuzz` asks far more."""

from pathlib import Path

from tests.fuzz.runs import fuzz, oracle_instance


def test_service_when_requests_are_generated_from_its_description(tmp_path: Path) -> None:
    """No server error, no answer that its schema does not allow, nothing taken that it forbids."""
    with oracle_instance(tmp_path) as client:
        run = fuzz(client, tmp_path, "oracle-linear", examples=6, seed=1, phases=("examples", "fuzzing"))
    assert run.passed, run.output
    assert 150 <= run.cases <= 400
