import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoImageProcessor,
    AutoModel,
    AutoTokenizer,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    Siglip2Config,
    Siglip2ImageProcessor,
    Siglip2Model,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    ViTConfig,
    ViTForImageClassification,
)

from adapters.models.classifiers.transformers_zero_shot import load_transformers_zero_shot
from adapters.profiles.options.transformers_zero_shot import TransformersZeroShotOptions
from robustify.errors import InvalidInputError, ModelFilesError
from robustify.types import Task
from tests.word_tokenizer import save_word_tokenizer

CPU = torch.device("cpu")
OPTIONS = TransformersZeroShotOptions()
SIDE, PATCH, LONGEST = 32, 8, 24
WORDS = ["<pad>", "<unk>", "a", "photo", "drawing", "of", "horse", "frog", "ship", "<end>"]
SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
TEXT = SMALL | {"vocab_size": 40, "max_position_embeddings": LONGEST}
VISION = SMALL | {"image_size": SIDE, "patch_size": PATCH}
TASK = Task(("horse", "frog", "ship"), "a photo of a {}")


@torch.no_grad()
def randomised(model):
    """With weights so large that every word matters: as they are initialised, all prompts are one to SigLIP 2."""
    for weights in model.parameters():
        weights.normal_(std=0.3)
    return model


def save_clip(folder: Path) -> None:
    text = TEXT | {"eos_token_id": 9, "bos_token_id": 2, "pad_token_id": 0}
    randomised(CLIPModel(CLIPConfig(text_config=text, vision_config=VISION, projection_dim=8))).save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SIDE).save_pretrained(folder)
    save_word_tokenizer(folder, WORDS, LONGEST)


def save_siglip(folder: Path) -> None:
    text = TEXT | {"projection_size": 16}
    randomised(SiglipModel(SiglipConfig(text_config=text, vision_config=VISION))).save_pretrained(folder)
    SiglipImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    save_word_tokenizer(folder, WORDS, LONGEST)


def save_siglip2(folder: Path) -> None:
    text, vision = TEXT | {"projection_size": 16}, SMALL | {"num_patches": 16, "patch_size": PATCH}
    randomised(Siglip2Model(Siglip2Config(text_config=text, vision_config=vision))).save_pretrained(folder)
    Siglip2ImageProcessor(patch_size=PATCH, max_num_patches=16).save_pretrained(folder)
    # Transformers reads it as this class whatever the folder says; without merges a token is a letter.
    letters = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *"abcdefghijklmnopqrstuvwxyz"]
    Siglip2Tokenizer({letter: number for number, letter in enumerate(letters)}, []).save_pretrained(folder)


@pytest.fixture(scope="module", params=[save_clip, save_siglip, save_siglip2], ids=["clip", "siglip", "siglip2"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of each kind with random weights."""
    folder = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(0)
    request.param(folder)
    return folder


@pytest.fixture
def siglip(tmp_path: Path) -> Path:
    """One that may be damaged."""
    save_siglip(tmp_path)
    return tmp_path


def library_logits(folder: Path, images: torch.Tensor) -> torch.Tensor:
    """As transformers computes them from start to end, of images in [0, 1]."""
    model = AutoModel.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokens = tokenizer(list(TASK.prompts), padding="max_length", max_length=LONGEST, return_tensors="pt")
    pixels = AutoImageProcessor.from_pretrained(folder)(list(images), do_rescale=False, return_tensors="pt")
    with torch.inference_mode():
        logits: torch.Tensor = model(input_ids=tokens["input_ids"], **pixels).logits_per_image
    return logits


@pytest.mark.parametrize("side", [SIDE, 48, 24])
def test_logits_when_images_have_a_size(saved: Path, side: int) -> None:
    """They are those of the library's own processors and forward pass, with scale and bias."""
    classifier = load_transformers_zero_shot(saved, OPTIONS, CPU, torch.float32).for_task(TASK)
    images = torch.rand(2, 3, side, side)
    with torch.inference_mode():
        logits = classifier(images)
    torch.testing.assert_close(logits, library_logits(saved, images), atol=1e-5, rtol=1e-5)


def test_gradients_when_an_attack_asks_for_them(saved: Path) -> None:
    """They reach the image."""
    classifier = load_transformers_zero_shot(saved, OPTIONS, CPU, torch.float32).for_task(TASK)
    images = torch.rand(1, 3, 48, 48, requires_grad=True)
    classifier(images)[0, 0].backward()
    assert classifier.has_gradients
    assert images.grad is not None
    assert images.grad.abs().min() > 0


def test_half_precision(saved: Path) -> None:
    """Only the image tower has it; logits are finite, in float32, and near those of full precision."""
    images = torch.rand(2, 3, SIDE, SIDE)
    with torch.inference_mode():
        full, half = (
            load_transformers_zero_shot(saved, OPTIONS, CPU, dtype).for_task(TASK)(images)
            for dtype in (torch.float32, torch.bfloat16)
        )
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, full, atol=0.5, rtol=0)


def test_ensemble_when_there_are_two_templates(saved: Path) -> None:
    """A label's features are the mean of those of its prompts, as unit vectors, and a unit vector again."""
    encoder = load_transformers_zero_shot(saved, OPTIONS, CPU, torch.float32)
    templates = ("a photo of a {}", "a drawing of a {}")
    one, other = (encoder.for_task(Task(TASK.labels, template)).text_features for template in templates)
    both = encoder.for_task(Task.of(TASK.labels, templates)).text_features
    torch.testing.assert_close(both, torch.nn.functional.normalize(one + other, dim=-1))


def test_labels_that_are_cut_off(saved: Path) -> None:
    """InvalidInputError that names them, whichever template is too long; the longest prompt is taken."""
    encoder = load_transformers_zero_shot(saved, OPTIONS, CPU, torch.float32)
    marks = len(encoder.tokenizer("")["input_ids"])
    fitting = " ".join("a" * (LONGEST - marks)) if marks else "a" * LONGEST
    encoder.for_task(Task((fitting, "frog"), "{}"))
    with pytest.raises(InvalidInputError, match=r"too long for the text encoder: 'a.*' \(2\). Shorten"):
        encoder.for_task(Task.of(("frog", fitting), ("{}", "a {}")))


def test_labels_that_are_the_same_to_the_model(saved: Path) -> None:
    """InvalidInputError that names both: what the tokenizer does not know is one."""
    encoder = load_transformers_zero_shot(saved, OPTIONS, CPU, torch.float32)
    with pytest.raises(InvalidInputError, match=r"same to the model: '1' \(2\) and '2' \(3\)"):
        encoder.for_task(Task(("frog", "1", "2"), "a {}"))


def test_label_sets_when_they_are_asked_about_at_once(saved: Path) -> None:
    """Each label has the features that it has alone, and one may stand in several sets; in one set it may not be
    another's."""
    encoder = load_transformers_zero_shot(saved, OPTIONS, CPU, torch.float32)
    sets = (("horse", "frog"), ("ship", "horse", "cat"))
    features = encoder.for_task(Task.of_sets(sets, ["a {}"])).text_features
    alone = [encoder.for_task(Task(labels, "a {}")).text_features for labels in sets]
    torch.testing.assert_close(features, torch.cat(alone))
    with pytest.raises(InvalidInputError, match=r"labels of set 2 that are the same to the model: '1' \(2\)"):
        encoder.for_task(Task.of_sets((("horse", "frog"), ("ship", "1", "2")), ["a {}"]))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"])
def test_folder_when_a_file_is_damaged_or_missing(siglip: Path, name: str) -> None:
    """ModelFilesError without a path."""
    (siglip / name).write_bytes(b"no")
    with pytest.raises(ModelFilesError) as damaged:
        load_transformers_zero_shot(siglip, OPTIONS, CPU, torch.float32)
    (siglip / name).unlink()
    with pytest.raises(ModelFilesError) as missing:
        load_transformers_zero_shot(siglip, OPTIONS, CPU, torch.float32)
    assert str(siglip) not in f"{damaged.value} {missing.value}"


def test_folder_when_its_tokenizer_cannot_pad(siglip: Path) -> None:
    """ModelFilesError: the text tower would read another length than it was trained with."""
    path = siglip / "tokenizer_config.json"
    config = json.loads(path.read_text())
    del config["pad_token"]
    path.write_text(json.dumps(config))
    with pytest.raises(ModelFilesError, match="no token for padding"):
        load_transformers_zero_shot(siglip, OPTIONS, CPU, torch.float32)


def test_folder_when_it_is_of_another_kind(tmp_path: Path) -> None:
    """ModelFilesError that says which kinds are taken."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    ViTForImageClassification(ViTConfig(image_size=32, patch_size=16, **sizes)).save_pretrained(tmp_path)
    with pytest.raises(ModelFilesError):
        load_transformers_zero_shot(tmp_path, OPTIONS, CPU, torch.float32)


def test_size_when_the_profile_gives_one(saved: Path, tmp_path: Path) -> None:
    """SigLIP 2 takes any size of whole patches; others take that of their weights alone."""
    folder = Path(shutil.copytree(saved, tmp_path / "copy"))
    options = TransformersZeroShotOptions(size=24)
    if json.loads((folder / "config.json").read_text())["model_type"] == "siglip2":
        encoder = load_transformers_zero_shot(folder, options, CPU, torch.float32)
        assert encoder.prepare.size == (24, 24)
        assert encoder.for_task(TASK)(torch.rand(1, 3, SIDE, SIDE)).shape == (1, 3)
    else:
        with pytest.raises(ModelFilesError, match="give the profile the size"):
            load_transformers_zero_shot(folder, options, CPU, torch.float32)
