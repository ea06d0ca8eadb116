"""Models of transformers from a local folder: of safetensors, without code of its own, and nothing of the network."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from transformers import AutoImageProcessor
from transformers.utils import logging as transformers_logging

from adapters.contract.labels import listed
from adapters.models.classifiers.preparing import Preparation
from adapters.models.classifiers.weight_files import check_weight_files
from adapters.profiles.options.preparing import PreparingOptions, Resampling
from robustify.errors import ModelFilesError

CONFIG = "config.json"
ADAPTER = "adapter_config.json"
PROCESSORS = ("preprocessor_config.json", "processor_config.json")
LOCAL: Final = {"local_files_only": True, "trust_remote_code": False}
RESAMPLINGS: Mapping[int, Resampling] = {1: "bicubic", 2: "bilinear", 3: "bicubic"}
"""By Pillow's numbers; transformers too takes bicubic for Lanczos (1), which torch does not have."""
BICUBIC = 3
RESCALE_FACTOR = 1 / 255
MOST_NAMED = 3
LOADING_FAILURES = (AttributeError, ImportError, KeyError, OSError, RuntimeError, TypeError, ValueError)
"""What transformers raises for folders that are damaged or not of its kind, its many kinds of parsing included."""
Loaded = Any
"""Any: a class or a model of transformers, which brings no types that mypy can follow."""


def load_from_folder(auto_class: Loaded, folder: Path) -> Loaded:
    """The model in float32 on the CPU, for evaluation. Raises ModelFilesError where weights are missing or others."""
    check_folder(folder)
    with quiet():
        try:
            model, report = auto_class.from_pretrained(
                folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **LOCAL
            )
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            # safetensors and the readers of configs have errors of their own, which share no base but this one.
            raise ModelFilesError(
                "the classifier cannot be loaded: its files are damaged, or of another kind"
            ) from error
    check_report(report)
    return model.requires_grad_(False).eval()


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' words on weights that are missing, which `check_report` raises in one sentence."""
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)


def check_folder(folder: Path) -> None:
    """Raises ModelFilesError for a folder that has no config, no safetensors, or only changes of another model."""
    if (folder / ADAPTER).is_file():
        raise ModelFilesError("the classifier is an adapter of another model: merge it into that model and save both")
    if not (folder / CONFIG).is_file():
        raise ModelFilesError(f"the classifier has no {CONFIG}: restore the models")
    check_weight_files(folder)


def check_report(report: Mapping[str, Collection[str]]) -> None:
    """transformers fills what it does not find with random numbers: that is no classifier."""
    if names := sorted(report.get("missing_keys") or ()):
        named = listed(names[:MOST_NAMED], len(names))
        raise ModelFilesError(f"the classifier's weights lack {named}: save the whole model, with its head")


def image_preparation(
    folder: Path, options: PreparingOptions, device: torch.device, size: tuple[int, int] | None = None
) -> Preparation:
    """What the profile says, else what the folder's image processor does; its pictures are those that it normalises.

    A processor that crops is taken at the size of its crop: what was cropped away is no part of what is certified.
    """
    processor = read_processor(folder)
    if processor is None and (options.mean is None or options.std is None):
        raise ModelFilesError(f"the classifier has no {PROCESSORS[0]}: give the profile mean and std")
    with understood():
        mean, std = normalisation(processor)
        return Preparation.of(
            options.mean or mean,
            options.std or std,
            device,
            (options.size, options.size) if options.size else size or size_of(processor),
            options.resampling or RESAMPLINGS[resample_of(processor)],
            bool(getattr(processor, "do_flip_channel_order", False)),
        )


def read_processor(folder: Path) -> Loaded | None:
    """The folder's image processor, of which only the numbers are used; None where it has none."""
    if not any((folder / name).is_file() for name in PROCESSORS):
        return None
    with understood():
        processor = AutoImageProcessor.from_pretrained(folder, **LOCAL)
        check_processor(processor)
    return processor


@contextmanager
def understood() -> Iterator[None]:
    """Raises ModelFilesError where what stands in the image processor's file is none of its kind."""
    try:
        yield
    except LOADING_FAILURES as error:
        raise ModelFilesError(f"the classifier's {PROCESSORS[0]} cannot be read: restore it") from error


def check_processor(processor: Loaded) -> None:
    """Raises ModelFilesError for steps that are not done here."""
    factor = getattr(processor, "rescale_factor", RESCALE_FACTOR)
    plain = getattr(processor, "do_rescale", True) and abs(factor - RESCALE_FACTOR) < 1e-6
    if not plain or getattr(processor, "rescale_offset", False):
        raise ModelFilesError(
            f"the classifier's {PROCESSORS[0]} scales images otherwise than by 1/255: "
            "give the profile mean and std for images in [0, 1], and leave the file out"
        )
    if resample_of(processor) not in RESAMPLINGS:
        raise ModelFilesError(f"the classifier's {PROCESSORS[0]} resizes neither bilinearly nor bicubically")


def resample_of(processor: Loaded | None) -> int:
    """Pillow's number of how the processor resizes."""
    stated = getattr(processor, "resample", None)
    return BICUBIC if stated is None else int(stated)


def normalisation(processor: Loaded | None) -> tuple[list[float], list[float]]:
    if processor is None or not processor.do_normalize:
        return [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]
    return three(processor.image_mean), three(processor.image_std)


def three(values: Any) -> list[float]:  # Any: what stands in the file.
    """One number for each channel; a single one is for all."""
    numbers = [float(value) for value in values] if isinstance(values, list | tuple) else [float(values)] * 3
    if len(numbers) != 3:
        raise ModelFilesError(f"the classifier's {PROCESSORS[0]} is not for images of three channels")
    return numbers


def size_of(processor: Loaded | None) -> tuple[int, int] | None:
    """Height and width that come out of the processor for a square image; None where it does not resize."""
    if processor is None:
        return None
    if getattr(processor, "do_center_crop", None) and (crop := getattr(processor, "crop_size", None)):
        return (int(crop["height"]), int(crop["width"]))
    size = getattr(processor, "size", None)
    if not getattr(processor, "do_resize", None) or not size:
        return None
    if side := size.get("shortest_edge"):
        return (int(side), int(side))
    return (int(size["height"]), int(size["width"]))
