"""What the training images are called: class names with their synonyms, in many templates."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

CIFAR10_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "airplane": ("airplane", "aeroplane", "plane", "aircraft", "jet"),
    "automobile": ("automobile", "car", "motorcar", "auto"),
    "bird": ("bird",),
    "cat": ("cat", "kitty", "house cat"),
    "deer": ("deer", "stag", "doe"),
    "dog": ("dog", "puppy", "hound"),
    "frog": ("frog", "toad"),
    "horse": ("horse", "pony", "mare"),
    "ship": ("ship", "boat", "vessel"),
    "truck": ("truck", "lorry", "fire truck"),
}

FASHION_MNIST_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "t-shirt/top": ("t-shirt/top", "t-shirt", "top"),
    "trouser": ("trouser", "pair of trousers"),
    "pullover": ("pullover", "sweater"),
    "dress": ("dress",),
    "coat": ("coat",),
    "sandal": ("sandal",),
    "shirt": ("shirt",),
    "sneaker": ("sneaker", "trainer"),
    "bag": ("bag", "handbag"),
    "ankle boot": ("ankle boot", "boot"),
}
"""In the order of the data set's labels; the names are its own, in small letters."""

TEMPLATES = (
    "{}",
    "a {}",
    "{}.",
    "a photo of a {}",
    "a photo of a {}.",
    "This is a photo of a {}",
    "This is a photo of a {}.",
    "a photo of the {}.",
    "a picture of a {}.",
    "an image of a {}",
    "a blurry photo of a {}.",
    "a low resolution photo of a {}.",
    "a small photo of a {}.",
    "a bad photo of a {}.",
    "a good photo of a {}.",
    "a cropped photo of a {}.",
    "a close-up photo of a {}.",
    "a bright photo of a {}.",
    "a dark photo of a {}.",
    "a photo of one {}.",
)


def synonyms(tiny_imagenet_folder: Path, class_names: Sequence[str]) -> list[tuple[str, ...]]:
    """Every name of each class, the class name itself first."""
    tiny_imagenet = json.loads((tiny_imagenet_folder / "synonyms.json").read_text(encoding="utf-8"))
    known = {**CIFAR10_SYNONYMS, **{name: tuple(names) for name, names in tiny_imagenet.items()}}
    return [tuple(dict.fromkeys((name, *known.get(name, ())))) for name in class_names]
