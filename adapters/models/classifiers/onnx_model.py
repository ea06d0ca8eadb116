"""A classifier in an ONNX file, run by onnxruntime: it has classes of its own, and gives no gradients."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from adapters.models.classifiers.fixed import FixedClassifier, check_classes, choose_classes
from adapters.models.classifiers.onnx_file import check_onnx_file
from adapters.models.classifiers.preparing import Preparation
from adapters.profiles.options.onnx_model import OnnxOptions, Range
from robustify.errors import ModelError, ModelFilesError
from robustify.types import Task

FLOAT32 = "tensor(float)"
RANGES: dict[Range, tuple[float, float]] = {"0..1": (0.0, 1.0), "0..255": (0.0, 255.0), "-1..1": (-1.0, 1.0)}
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
Dimension = int | str | None
"""A number that is fixed, or a name or nothing for one that may be any."""


@dataclass(frozen=True)
class Port:
    """An input or output of the model."""

    name: str
    kind: str
    shape: tuple[Dimension, ...]

    @staticmethod
    def of(argument: onnxruntime.NodeArg) -> "Port":
        return Port(argument.name, argument.type, tuple(argument.shape))


@dataclass(frozen=True)
class OnnxClasses:
    """A session whose logits stand for `class_names`, in order; a model of a fixed batch takes `batch` images at once.

    Number formats are the file's own, whatever the settings say.
    """

    session: onnxruntime.InferenceSession
    input: str
    output: str
    class_names: Sequence[str]
    prepare: Preparation
    channels_last: bool
    batch: int | None
    has_gradients: bool = False

    def for_task(self, task: Task) -> FixedClassifier:
        """Raises InvalidInputError for a label that is none of the classes; the template means nothing here."""
        return choose_classes(self, self.class_names, task, self.prepare.mean.device)

    def logits(self, x0: torch.Tensor) -> torch.Tensor:
        """Of all classes (B, classes), float32; raises ModelError where gradients are asked for."""
        if x0.requires_grad and torch.is_grad_enabled():
            raise ModelError("an ONNX model gives no gradients: attacks need another classifier")
        prepared = self.prepare(x0.float())
        pixels = (prepared.permute(0, 2, 3, 1) if self.channels_last else prepared).contiguous().cpu().numpy()
        logits = np.concatenate([self.run(part) for part in self.slices(pixels)])[: len(pixels)]
        return torch.from_numpy(logits).to(x0.device)

    def slices(self, pixels: np.ndarray) -> Sequence[np.ndarray]:
        """What is run at once; the last slice of a fixed batch is filled up with its last image."""
        if self.batch is None:
            return [pixels]
        lacking = -len(pixels) % self.batch
        filled = np.concatenate([pixels, np.repeat(pixels[-1:], lacking, axis=0)])
        return [filled[start : start + self.batch] for start in range(0, len(filled), self.batch)]

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Raises ModelError where onnxruntime fails, or does not give one row of float32 for each image."""
        try:
            output: np.ndarray = self.session.run([self.output], {self.input: pixels})[0]
        except Exception as error:
            # onnxruntime's errors are many classes of a module that is not public.
            raise ModelError("the ONNX model cannot be run on these images: see its layout, size and range") from error
        if output.ndim != 2 or len(output) != len(pixels) or output.dtype != np.float32:
            raise ModelFilesError(
                f"the ONNX model's output has the shape {output.shape} and type {output.dtype} for {len(pixels)} "
                "images: it must be float32, with one row for each image and one column for each class"
            )
        return output


def load_onnx(folder: Path, options: OnnxOptions, class_names: Sequence[str], device: torch.device) -> OnnxClasses:
    """The classifier in the folder's ONNX file. Raises ModelFilesError where the file is not as the options say."""
    path = folder / options.file
    check_onnx_file(path)
    session = open_session(path, device)
    taken = chosen([Port.of(port) for port in session.get_inputs()], options.input, "input")
    given = chosen([Port.of(port) for port in session.get_outputs()], options.output, "output")
    check_input(taken, options)
    prepare = preparation(options, fixed_size(taken, options), device)
    batch = taken.shape[0] if isinstance(taken.shape[0], int) else None
    model = OnnxClasses(session, taken.name, given.name, class_names, prepare, options.layout == "NHWC", batch)
    check_classes(model, class_names, prepare)
    return model


def open_session(path: Path, device: torch.device) -> onnxruntime.InferenceSession:
    """A session on the device and nothing else, with as many threads as torch has. Raises ModelError."""
    provider = PROVIDERS.get(device.type)
    if provider not in onnxruntime.get_available_providers():
        raise ModelError(
            f"onnxruntime cannot use the device {device.type}: install onnxruntime-gpu, or serve it on the CPU"
        )
    placed = (provider, {"device_id": device.index or 0}) if device.type == "cuda" else provider
    try:
        session = onnxruntime.InferenceSession(path, session_options(), providers=[placed])
    except Exception as error:
        # onnxruntime's errors are many classes of a module that is not public.
        raise ModelFilesError(f"{path.name} cannot be run by onnxruntime: it is damaged, or too new for it") from error
    if session.get_providers()[0] != provider:
        raise ModelError(f"onnxruntime did not get the device {device.type}: look at its libraries of CUDA")
    return session


def session_options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    # Threads that wait for the next batch would take a core from the denoiser.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def chosen(ports: Sequence[Port], name: str | None, what: str) -> Port:
    """The input or output of that name, or the only one."""
    known = ", ".join(repr(port.name) for port in ports)
    if name is None:
        if len(ports) != 1:
            raise ModelFilesError(f"the ONNX model has {len(ports)} {what}s: name one of {known} in the profile")
        return ports[0]
    if (found := next((port for port in ports if port.name == name), None)) is None:
        raise ModelFilesError(f"the ONNX model has no {what} {name!r}: name one of {known} in the profile")
    return found


def check_input(port: Port, options: OnnxOptions) -> None:
    """Raises ModelFilesError where the input is none of images in float32, in the layout of the options."""
    if port.kind != FLOAT32 or len(port.shape) != 4:
        raise ModelFilesError(
            f"the ONNX model's input is a {port.kind} of {len(port.shape)} dimensions: "
            "it must be images in float32, of four dimensions"
        )
    channels = port.shape[options.layout.index("C")]
    if isinstance(channels, int) and channels != 3:
        other = "NHWC" if options.layout == "NCHW" else "NCHW"
        raise ModelFilesError(
            f"the ONNX model's input has {channels} channels in the layout {options.layout}: is it {other}?"
        )


def fixed_size(port: Port, options: OnnxOptions) -> tuple[int, int] | None:
    """Height and width of the input: those that the file fixes, which the options must not contradict, else theirs."""
    height, width = port.shape[options.layout.index("H")], port.shape[options.layout.index("W")]
    stated = (options.size, options.size) if options.size else None
    if not (isinstance(height, int) and isinstance(width, int)):
        return stated
    if stated not in (None, (height, width)):
        raise ModelFilesError(f"the ONNX model takes images of {height} x {width}: leave size out, or correct it")
    return (height, width)


def preparation(options: OnnxOptions, size: tuple[int, int] | None, device: torch.device) -> Preparation:
    """((range of the image) - mean) / std as one mean and one standard deviation of images in [0, 1]."""
    black, white = RANGES[options.range]
    means, deviations = options.mean or (0.0, 0.0, 0.0), options.std or (1.0, 1.0, 1.0)
    return Preparation.of(
        [(mean - black) / (white - black) for mean in means],
        [deviation / (white - black) for deviation in deviations],
        device,
        size,
        options.resampling or "bilinear",
        swaps_channels=options.channels == "BGR",
    )
