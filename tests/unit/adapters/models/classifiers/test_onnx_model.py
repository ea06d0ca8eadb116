from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import timm
import torch
from onnx import TensorProto, helper, numpy_helper
from pydantic import ValidationError
from torch import nn

from adapters.models.classifiers.onnx_model import OnnxClasses, load_onnx, session_options
from adapters.profiles.options.onnx_model import OnnxOptions
from robustify.errors import InvalidInputError, ModelError, ModelFilesError
from robustify.types import Task

CPU = torch.device("cpu")
BIRDS = ("crane", "heron", "finch")
ANY_IMAGES = ("batch", 3, "height", "width")
Shape = Sequence[int | str | None]
CONVOLUTION = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0))
HEAD = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))


def reference(pixels: torch.Tensor) -> torch.Tensor:
    """Logits (B, 3) of prepared images (B, 3, H, W), as the files below compute them."""
    return nn.functional.conv2d(pixels, CONVOLUTION).relu().mean(dim=(2, 3)) @ HEAD


def model_of(
    shape: Shape = ANY_IMAGES,
    layout: str = "NCHW",
    kind: int = TensorProto.FLOAT,
    more_inputs: Sequence[str] = (),
    more_outputs: Sequence[str] = (),
    rows: bool = True,
) -> onnx.ModelProto:
    """A small network with an input of this shape; `rows`: whether its logits are (B, 3), else they are (3, B)."""
    order = [0, 3, 1, 2] if layout == "NHWC" else [0, 1, 2, 3]
    nodes = [
        helper.make_node("Cast", ["pixels"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["numbers"], ["channels_first"], perm=order),
        helper.make_node("Conv", ["channels_first", "convolution"], ["maps"]),
        helper.make_node("Relu", ["maps"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["means"]),
        helper.make_node("Flatten", ["means"], ["features"]),
        helper.make_node("MatMul", ["features", "head"], ["by_image"]),
        helper.make_node("Transpose", ["by_image"], ["logits"], perm=[0, 1] if rows else [1, 0]),
    ]
    inputs = [helper.make_tensor_value_info("pixels", kind, shape)]
    inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in more_inputs]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("logits", *more_outputs)]
    tensors = [
        numpy_helper.from_array(CONVOLUTION.numpy(), "convolution"),
        numpy_helper.from_array(HEAD.numpy(), "head"),
    ]
    graph = helper.make_graph(nodes, "birds", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def load(folder: Path, model: onnx.ModelProto, options: OnnxOptions | None = None) -> OnnxClasses:
    onnx.save(model, folder / "model.onnx")
    return load_onnx(folder, options or OnnxOptions(), BIRDS, CPU)


def images(count: int = 2, side: int = 16) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(2))


@pytest.mark.slow
def test_logits_when_torch_exported_the_file(tmp_path: Path) -> None:
    """They are those of the network that was exported, for any number of images."""
    torch.manual_seed(0)
    network = timm.create_model("test_convnext", num_classes=3).eval()
    any_batch = ({0: torch.export.Dim.DYNAMIC},)
    torch.onnx.export(
        network, (images(2, 32),), tmp_path / "model.onnx", dynamic_shapes=any_batch, external_data=True, verbose=False
    )
    model = load_onnx(tmp_path, OnnxOptions(), BIRDS, CPU)
    assert (tmp_path / "model.onnx.data").is_file()
    with torch.inference_mode():
        for count in (1, 3):
            torch.testing.assert_close(model.logits(images(count, 32)), network(images(count, 32)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize(
    ("keys", "low", "high"), [({}, 0.0, 1.0), ({"range": "0..255"}, 0.0, 255.0), ({"range": "-1..1"}, -1.0, 1.0)]
)
def test_logits_when_the_input_has_a_layout_and_a_range(
    tmp_path: Path, layout: str, keys: dict[str, str], low: float, high: float
) -> None:
    """The model sees the image as it wants it."""
    shape = ANY_IMAGES if layout == "NCHW" else ("batch", "height", "width", 3)
    options = OnnxOptions.model_validate({"layout": layout, **keys})
    model = load(tmp_path, model_of(shape, layout), options)
    expected = reference(low + images() * (high - low))
    torch.testing.assert_close(model.for_task(Task(BIRDS))(images()), expected, atol=1e-5 * high, rtol=1e-5)


def test_logits_when_there_are_mean_and_std_in_grey_levels(tmp_path: Path) -> None:
    """Both are in the units of the range, in the order of red, green and blue, which the model may take turned."""
    mean, std = [123.0, 117.0, 104.0], [58.0, 57.0, 56.0]
    options = OnnxOptions.model_validate({"range": "0..255", "mean": mean, "std": std, "channels": "BGR"})
    model = load(tmp_path, model_of(), options)
    prepared = (images() * 255 - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
    torch.testing.assert_close(model.logits(images()), reference(prepared.flip(1)), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_logits_when_the_batch_is_fixed(tmp_path: Path, count: int) -> None:
    """Any number of images is run in slices of it, and what fills the last one is left out."""
    model = load(tmp_path, model_of((2, 3, 16, 16)))
    logits = model.logits(images(count))
    torch.testing.assert_close(logits, reference(images(count)), atol=1e-5, rtol=1e-5)


def test_size_when_the_file_fixes_it(tmp_path: Path) -> None:
    """Images of another size are resized to it; a profile that says another is refused."""
    model = load(tmp_path, model_of(("batch", 3, 16, 16)))
    resized = nn.functional.interpolate(images(2, 24), (16, 16), mode="bilinear", antialias=True)
    torch.testing.assert_close(model.logits(images(2, 24)), reference(resized), atol=1e-5, rtol=1e-5)
    with pytest.raises(ModelFilesError, match="takes images of 16 x 16"):
        load(tmp_path, model_of(("batch", 3, 16, 16)), OnnxOptions(size=24))


def test_size_when_the_profile_gives_one(tmp_path: Path) -> None:
    """Images are resized to it where the file takes any."""
    model = load(tmp_path, model_of(), OnnxOptions(size=24, resampling="bicubic"))
    resized = nn.functional.interpolate(images(), (24, 24), mode="bicubic", antialias=True)
    torch.testing.assert_close(model.logits(images()), reference(resized), atol=1e-5, rtol=1e-5)


def test_classes_when_labels_choose_among_them(tmp_path: Path) -> None:
    """The logits are those of the chosen classes, in the order of the labels; others are refused."""
    model = load(tmp_path, model_of())
    two = model.for_task(Task(("Finch", "crane")))(images())
    assert torch.equal(two, model.logits(images())[:, [2, 0]])
    with pytest.raises(InvalidInputError, match=r"'finsh' \(1\).*finch"):
        model.for_task(Task(("finsh", "crane")))
    with pytest.raises(ModelFilesError, match="3 classes, but its list names 2"):
        load_onnx(tmp_path, OnnxOptions(), BIRDS[:2], CPU)


def test_gradients_when_an_attack_asks_for_them(tmp_path: Path) -> None:
    """It says beforehand that there are none, and raises ModelError rather than give none without a word."""
    classifier = load(tmp_path, model_of()).for_task(Task(BIRDS))
    assert not classifier.has_gradients
    with pytest.raises(ModelError, match="no gradients"):
        classifier(images().requires_grad_())
    with torch.inference_mode():
        classifier(images())


def test_answers_when_they_are_computed_again(tmp_path: Path) -> None:
    """They are the same to the last bit, with as many threads as torch has."""
    first, second = load(tmp_path, model_of()), load(tmp_path, model_of())
    assert session_options().intra_op_num_threads == torch.get_num_threads()
    assert torch.equal(first.logits(images(5)), second.logits(images(5)))


def test_ports_when_there_are_several(tmp_path: Path) -> None:
    """ModelFilesError that lists them, until the profile names one."""
    model = model_of(more_outputs=["features"])
    with pytest.raises(ModelFilesError, match="2 outputs: name one of 'logits', 'features' in the profile"):
        load(tmp_path, model)
    assert load(tmp_path, model, OnnxOptions(output="logits")).output == "logits"
    with pytest.raises(ModelFilesError, match="no output 'log': name one of 'logits', 'features'"):
        load(tmp_path, model, OnnxOptions(output="log"))
    with pytest.raises(ModelFilesError, match="2 inputs: name one of 'pixels', 'temperature'"):
        load(tmp_path, model_of(more_inputs=["temperature"]))
    with pytest.raises(ModelError, match="cannot be run"):
        load(tmp_path, model_of(more_inputs=["temperature"]), OnnxOptions(input="pixels"))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (model_of(("batch", 16, 16, 3), "NHWC"), "16 channels in the layout NCHW: is it NHWC"),
        (model_of(kind=TensorProto.FLOAT16), r"is a tensor\(float16\) of 4 dimensions: it must be images in float32"),
        (model_of(kind=TensorProto.UINT8), r"is a tensor\(uint8\) of 4 dimensions: it must be images in float32"),
        (model_of(rows=False), "one row for each image"),
    ],
)
def test_file_when_it_does_not_take_images_or_give_logits(tmp_path: Path, model: onnx.ModelProto, message: str) -> None:
    """ModelFilesError, in one sentence."""
    with pytest.raises(ModelFilesError, match=message):
        load(tmp_path, model)


@pytest.mark.parametrize("content", [b"", b"no", b"\x08\x08" * 50])
def test_file_when_it_is_damaged(tmp_path: Path, content: bytes) -> None:
    """ModelFilesError without a path."""
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelFilesError) as error:
        load_onnx(tmp_path, OnnxOptions(), BIRDS, CPU)
    assert str(tmp_path) not in str(error.value)


def test_file_when_it_is_missing(tmp_path: Path) -> None:
    """ModelFilesError."""
    with pytest.raises(ModelFilesError, match="no readable model.onnx"):
        load_onnx(tmp_path, OnnxOptions(), BIRDS, CPU)


def test_tensors_when_they_are_in_another_file(tmp_path: Path) -> None:
    """They are read beside the model, and nowhere else."""
    folder = tmp_path / "classifier"
    folder.mkdir()
    onnx.save(model_of(), folder / "model.onnx", save_as_external_data=True, location="model.data", size_threshold=0)
    model = load_onnx(folder, OnnxOptions(), BIRDS, CPU)
    torch.testing.assert_close(model.logits(images()), reference(images()), atol=1e-5, rtol=1e-5)
    (folder / "model.data").rename(tmp_path / "model.data")
    with pytest.raises(ModelFilesError, match="model.data, which is missing"):
        load_onnx(folder, OnnxOptions(), BIRDS, CPU)


@pytest.mark.parametrize("where", ["../secret", "link", "initializer", "attribute"])
def test_tensors_when_they_are_outside_the_folder(tmp_path: Path, where: str) -> None:
    """ModelFilesError, by whatever way they are named."""
    (folder := tmp_path / "classifier").mkdir()
    (tmp_path / "secret").write_bytes(np.zeros(108, np.float32).tobytes())
    (folder / "link").symlink_to(tmp_path / "secret")
    outside = {"../secret": "../secret", "link": "link"}.get(where, str(tmp_path / "secret"))
    model = model_of()
    tensor = model.graph.initializer[0]
    if where == "attribute":
        model.graph.node.append(helper.make_node("Constant", [], ["constant"], value=TensorProto()))
        tensor = model.graph.node[-1].attribute[0].t
        tensor.data_type, tensor.name = TensorProto.FLOAT, "constant"
        tensor.dims.extend([4, 3, 3, 3])
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=outside)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelFilesError, match="outside its folder"):
        load_onnx(folder, OnnxOptions(), BIRDS, CPU)


def test_device_when_onnxruntime_lacks_it(tmp_path: Path) -> None:
    """ModelError that says what to install; nothing falls back to the CPU without a word."""
    onnx.save(model_of(), tmp_path / "model.onnx")
    with pytest.raises(ModelError, match="cannot use the device meta"):
        load_onnx(tmp_path, OnnxOptions(), BIRDS, torch.device("meta"))


@pytest.mark.parametrize(
    "options",
    [
        {"file": "../model.onnx"},
        {"file": "/model.onnx"},
        {"file": "model.bin"},
        {"layout": "HWC"},
        {"range": "0..2"},
        {"mean": [0.5, 0.5]},
        {"mean": [0.5, 0.5, "0.5"]},
        {"mean": [0.5, 0.5, float("nan")]},
        {"std": [1.0, 1.0, 0.0]},
        {"size": 224.5},
        {"sides": 224},
    ],
)
def test_options_when_one_is_wrong(options: dict[str, object]) -> None:
    """They are refused; nothing is converted but whole numbers to others."""
    with pytest.raises(ValidationError):
        OnnxOptions.model_validate(options)
