"""One of two processes that train together: `shared_training.py FOLDER RANK`; test_trainer.py starts both."""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from accelerate import Accelerator, InitProcessGroupKwargs
from safetensors.torch import save_file

from robustify.errors import InvalidInputError
from tests.unit.adapters.models.training.test_trainer import PLAN, Watched, run


def main(folder: Path, rank: str) -> None:
    # They meet in a file: torch's own meeting place would listen on all addresses.
    meeting = InitProcessGroupKwargs(backend="gloo", init_method=f"file://{folder}/meeting")
    accelerator = Accelerator(cpu=True, mixed_precision="no", kwargs_handlers=[meeting])
    assert accelerator.num_processes == 2
    assert refuses_an_odd_batch(folder, accelerator)
    watched = Watched()
    run(watched, folder / "shared", accelerator)
    weights = {f"weight-{index}": weight for index, weight in enumerate(watched.weights)}
    eps = torch.cat([batch.eps for batch in watched.learned])
    save_file({**weights, "eps": eps}, folder / f"rank-{rank}.safetensors")
    accelerator.wait_for_everyone()  # Who leaves first would break off the other.
    accelerator.end_training()


def refuses_an_odd_batch(folder: Path, accelerator: Accelerator) -> bool:
    try:
        run(Watched(), folder / "odd", accelerator, replace(PLAN, batch_size=5))
    except InvalidInputError:
        return True
    return False


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
