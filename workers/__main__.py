"""`python -m workers`: one worker, set up by the environment."""

from adapters.settings import Settings
from workers.wiring import run_worker

if __name__ == "__main__":
    run_worker(Settings())
