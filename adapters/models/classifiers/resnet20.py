"""The ResNet-20 that He et al. (2016) made for CIFAR-10, from a folder in timm's layout: neither timm nor torchvision
has it.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from adapters.models.classifiers.fixed import FixedClasses, prepared_classes
from adapters.models.classifiers.vision import classes_of, preparation, read_config, with_weights
from adapters.profiles.options.resnet20 import ResNet20Options

STEM = 16
STAGES = ((16, 1), (32, 2), (64, 2))
"""Channels of each stage, and the stride that it begins with."""
BLOCKS = 3
"""Of each stage: 6 n + 2 layers with n = 3."""
PLAIN = ResNet20Options()


class Block(nn.Module):
    """Two convolutions beside a shortcut without parameters (option A): every second pixel, new channels zero."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.bn1(self.conv1(x)).relu()
        return torch.relu(self.bn2(self.conv2(hidden)) + self.shortcut(x))

    def shortcut(self, x: torch.Tensor) -> torch.Tensor:
        step, more = self.conv1.stride[0], self.conv1.out_channels - self.conv1.in_channels
        return nn.functional.pad(x[:, :, ::step, ::step], (0, 0, 0, 0, 0, more))


class ResNet20(nn.Module):
    """Logits (B, classes) of normalised images (B, 3, 32, 32); .27 M parameters, 41 M multiplications an image."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, STEM, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM)
        self.blocks = nn.Sequential(*blocks())
        self.fc = nn.Linear(STAGES[-1][0], classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.blocks(self.bn1(self.conv1(x)).relu())
        logits: torch.Tensor = self.fc(hidden.mean(dim=(2, 3)))
        return logits


def blocks() -> list[Block]:
    """All of them, in order."""
    found, channels_in = [], STEM
    for channels, stride in STAGES:
        for first in (True, *(False,) * (BLOCKS - 1)):
            found.append(Block(channels_in, channels, stride if first else 1))
            channels_in = channels
    return found


def load_resnet20(
    folder: Path,
    class_names: Sequence[str],
    device: torch.device,
    dtype: torch.dtype,
    options: ResNet20Options = PLAIN,
) -> FixedClasses:
    """With the mean, standard deviation and size of its config."""
    config = read_config(folder)
    network = with_weights(lambda: ResNet20(classes_of(config, class_names)), folder)
    return prepared_classes(network, class_names, preparation(config, network, options, device), dtype)
