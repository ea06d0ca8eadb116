"""Real children, as short as possible: what follows when one of them ends."""

import io
import os
import signal
import time
from pathlib import Path

import pytest

from robustify.errors import RobustifyError
from workers.stop import GIVEN_UP
from workers.supervision.processes import START_FAILURES, WELL_SECONDS, Child, Supervisor

SLEEP = ("-c", "import time; time.sleep(60)")
DEADLINE_SECONDS = 60.0


def revive_until_started(supervisor: Supervisor, times: int) -> None:
    """Revives the only child until it has had so many further processes."""
    (child,) = supervisor.children
    for _ in range(times):
        process, deadline = child.process, time.monotonic() + DEADLINE_SECONDS
        while child.process is process:
            assert time.monotonic() < deadline, "it was not started again"
            supervisor.revive()
            time.sleep(0.005)


def pid_of(child: Child) -> int:
    assert child.process is not None
    return child.process.pid


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_child_that_fails_at_every_start(tmp_path: Path) -> None:
    """It is given up after some starts, and the error says which child it was and what it said."""
    script = f"open({str(tmp_path / 'starts')!r}, 'a').write('x'); raise SystemExit('the weights are broken')"
    child = Child("worker-7", ("-c", script), pause_seconds=0.01)
    with (
        Supervisor([child]) as supervisor,
        pytest.raises(RobustifyError, match=r"worker-7 .* exit code 1: the weights are broken"),
    ):
        revive_until_started(supervisor, 2 * START_FAILURES)
    assert len((tmp_path / "starts").read_text()) == START_FAILURES


@pytest.mark.slow
def test_pauses_between_failed_starts() -> None:
    """Each is twice as long as the one before."""
    child = Child("worker", ("-c", "raise SystemExit(1)"), pause_seconds=0.2)
    with Supervisor([child]) as supervisor:
        started_at = []
        for _ in range(START_FAILURES - 1):
            revive_until_started(supervisor, 1)
            started_at.append(child.started_at)
        first, second = (later - earlier for earlier, later in zip(started_at, started_at[1:], strict=False))
    assert first >= 0.4
    assert second >= 0.8


def test_child_that_fails_now_and_then() -> None:
    """Failures after it ran well for a while are not counted together: it is never given up."""
    child = Child("worker", ("-c", "raise SystemExit(1)"), pause_seconds=0.01)
    with Supervisor([child]) as supervisor:
        for _ in range(START_FAILURES):
            child.started_at -= WELL_SECONDS
            revive_until_started(supervisor, 1)
    assert child.failures == 0


def test_worker_that_gives_itself_up() -> None:
    """It had started: it is started again, however often."""
    child = Child("worker", ("-c", f"raise SystemExit({GIVEN_UP})"), pause_seconds=0.01)
    with Supervisor([child]) as supervisor:
        revive_until_started(supervisor, START_FAILURES + 1)
    assert child.failures == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_child_that_is_ended_from_outside(number: signal.Signals) -> None:
    """It is started again, however often: there is nothing wrong with it."""
    child = Child("worker", SLEEP, pause_seconds=0.01)
    with Supervisor([child]) as supervisor:
        for _ in range(START_FAILURES + 1):
            os.kill(pid_of(child), number)
            revive_until_started(supervisor, 1)
        assert child.is_running


def test_child_that_is_killed_on_purpose(caplog: pytest.LogCaptureFixture) -> None:
    """It is started again without a warning."""
    child = Child("worker", SLEEP, pause_seconds=0.01)
    with Supervisor([child]) as supervisor:
        child.kill()
        revive_until_started(supervisor, 1)
        assert child.is_running
        assert caplog.records == []
        os.kill(pid_of(child), signal.SIGKILL)
        revive_until_started(supervisor, 1)
    assert [record.getMessage() for record in caplog.records] == ["worker ended with SIGKILL and is started again"]


def test_start_that_fails_half_way() -> None:
    """The children that were started are ended."""
    started, broken = Child("first", SLEEP), Child("second", SLEEP, {"NUL": "\0"})
    with pytest.raises(ValueError, match="null byte"), Supervisor([started, broken]):
        pytest.fail("it did not start")
    assert not is_alive(pid_of(started))


def test_what_children_say(capsys: pytest.CaptureFixture[str]) -> None:
    """All of it is passed on to standard error; of the last lines, the one that tells of trouble is kept."""
    lines = ["starting", "ERROR:    address in use", "INFO:     Application shutdown complete.", '{"level": "info"}']
    script = "import sys; sys.stderr.write(sys.argv[1]); sys.exit(3)"
    child = Child("api", ("-c", script, "\n".join(lines)), pause_seconds=60)
    with Supervisor([child]):
        assert child.process is not None
        assert child.process.wait(DEADLINE_SECONDS) == 3
    assert capsys.readouterr().err.splitlines() == lines
    assert child.last_words is not None
    assert child.last_words.text == "ERROR:    address in use"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a file that is always full")
def test_what_children_say_on_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that says a lot is not held up, and its last words are known."""
    script = "import sys; print('x' * 1000000, file=sys.stderr); print('the end', file=sys.stderr)"
    with io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True) as full:
        monkeypatch.setattr("sys.stderr", full)
        child = Child("worker", ("-c", script), pause_seconds=60)
        with Supervisor([child]):
            assert child.process is not None
            assert child.process.wait(DEADLINE_SECONDS) == 0
        monkeypatch.undo()
    assert child.last_words is not None
    assert child.last_words.text == "the end"
