"""Models of open_clip of every kind, each from a folder with tiny random weights of its real class."""

import json
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPConfig, CLIPModel

from adapters.models.classifiers.clip import ClipModel, load_clip
from adapters.models.classifiers.clip_tokens import cut_off, lengths
from adapters.models.training.fine_tuning import TunableClip
from robustify.errors import InvalidInputError, ModelFilesError
from robustify.types import Task
from tests.unit.adapters.models.classifiers.open_clip_folders import (
    CONTEXT,
    EVA,
    MOBILE,
    SIGLIP,
    VIT,
    write_model,
    write_tokenizer,
)

CPU = torch.device("cpu")
TASK = Task(("cat", "dog", "horse"), "a photo of a {}")
IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def loaded(folder: Path, dtype: torch.dtype = torch.float32) -> ClipModel:
    return load_clip(f"local-dir:{folder}", CPU, dtype)


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = write_model(tmp_path_factory.mktemp("siglip"), SIGLIP)
    write_tokenizer(folder)
    return folder


def test_siglip_when_it_answers(siglip: Path) -> None:
    """Its logits but for the one bias are those of open_clip's own model, tokenizer and preprocessing."""
    clip = loaded(siglip)
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{siglip}")
    tokens = open_clip.get_tokenizer(f"local-dir:{siglip}")(list(TASK.prompts))
    normalize = preprocess.transforms[-1]
    with torch.no_grad():
        expected, _ = model.eval().get_logits(normalize(IMAGES), tokens)
        found = clip.zero_shot(TASK)(IMAGES)
    torch.testing.assert_close(found + model.logit_bias, expected)


@pytest.mark.slow
@pytest.mark.parametrize("config", [VIT, EVA, MOBILE], ids=["vit", "eva", "mobileclip"])
def test_other_kinds_when_they_answer(tmp_path: Path, config: dict[str, Any]) -> None:
    """As open_clip's own model does, also in bfloat16, where only the image tower is."""
    torch.manual_seed(0)
    folder = write_model(tmp_path, config)
    side = config["vision_cfg"]["image_size"]
    images = torch.rand(2, 3, side, side)
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(list(TASK.prompts))
    with torch.no_grad():
        expected, _ = model.eval().get_logits(preprocess.transforms[-1](images), tokens)
        torch.testing.assert_close(loaded(folder).zero_shot(TASK)(images), expected, rtol=1e-4, atol=1e-4)
        assert loaded(folder, torch.bfloat16).zero_shot(TASK)(images).isfinite().all()


@pytest.mark.parametrize("is_large", [True, False])
def test_images_of_another_size(tmp_path: Path, is_large: bool) -> None:
    """They are reduced with antialias, as the model's own preprocessing does it, and enlarged without."""
    clip = loaded(write_model(tmp_path, VIT))
    images = torch.rand(1, 3, 48, 48) if is_large else torch.rand(1, 3, 16, 16)
    resized = nn.functional.interpolate(images, (32, 32), mode="bicubic", antialias=is_large)
    torch.testing.assert_close(clip.prepare(images), (resized - 0.5) / 0.5)


@pytest.mark.parametrize("pad", ["</s>", "<pad>"])
def test_prompts_when_the_tokenizer_pads_with_another_token(siglip: Path, tmp_path: Path, pad: str) -> None:
    """A prompt that fills the context is read; with one word more it is refused, whatever stands in the last place."""
    write_tokenizer(tmp_path, pad)
    for name in ("open_clip_config.json", "open_clip_model.safetensors"):
        (tmp_path / name).hardlink_to(siglip / name)
    clip = loaded(tmp_path)
    fits, too_long = " ".join(["red"] * (CONTEXT - 5)), " ".join(["red"] * (CONTEXT - 4))
    assert lengths(clip.tokenizer, [f"a photo of a {fits}"]) == [CONTEXT]
    clip.zero_shot(Task(("cat", fits), TASK.template))
    with pytest.raises(InvalidInputError, match=r"too long for the text encoder: 'red red red red' \(2\)"):
        clip.zero_shot(Task(("cat", too_long), TASK.template))


def test_prompts_when_the_tokenizer_has_no_mark_of_the_end(siglip: Path, tmp_path: Path) -> None:
    """They are measured before they are cut: what was cut off would leave no trace."""
    write_tokenizer(tmp_path, "<pad>", end="$A")
    for name in ("open_clip_config.json", "open_clip_model.safetensors"):
        (tmp_path / name).hardlink_to(siglip / name)
    tokenizer = loaded(tmp_path).tokenizer
    assert cut_off(tokenizer, ["red " * CONTEXT, "red " * (CONTEXT + 1)]) == [1]


def test_lengths_when_a_class_token_ends_every_prompt(siglip: Path, tmp_path: Path) -> None:
    """In open_clip's mode `clips`, a start, an end and a class token stand about the words."""
    write_tokenizer(tmp_path)
    tokenizer = open_clip.tokenizer.HFTokenizer(str(tmp_path), context_length=CONTEXT, tokenizer_mode="clips")
    words = CONTEXT - 3
    assert lengths(tokenizer, ["red " * words]) == [CONTEXT]
    assert cut_off(tokenizer, ["red " * words, "red " * (words + 1)]) == [1]


def test_prompt_that_fills_the_context_of_clips_own_tokenizer(tmp_path: Path) -> None:
    """It is read whole; with one word more it is refused."""
    clip = loaded(write_model(tmp_path, VIT))
    clip.zero_shot(Task(("cat", " ".join(["red"] * 10)), TASK.template))
    with pytest.raises(InvalidInputError, match="too long"):
        clip.zero_shot(Task(("cat", " ".join(["red"] * 11)), TASK.template))


def change(folder: Path, place: str, **values: object) -> None:
    path = folder / "open_clip_config.json"
    document = json.loads(path.read_text())
    (document["model_cfg"][place] if place else document["model_cfg"]).update(values)
    path.write_text(json.dumps(document))


def test_folder_without_weights(tmp_path: Path) -> None:
    """It is refused: open_clip would answer with random ones."""
    write_model(tmp_path, VIT)
    (tmp_path / "open_clip_model.safetensors").unlink()
    with pytest.raises(ModelFilesError, match="has no open_clip_model.safetensors"):
        loaded(tmp_path)


def test_folder_with_a_pickle_alone(tmp_path: Path) -> None:
    """It is refused: pickles are never loaded."""
    write_model(tmp_path, VIT)
    (tmp_path / "open_clip_model.safetensors").rename(tmp_path / "open_clip_pytorch_model.bin")
    with pytest.raises(ModelFilesError, match="has no open_clip_model.safetensors"):
        loaded(tmp_path)


@pytest.mark.parametrize(
    ("place", "values", "said"),
    [
        ("text_cfg", {"hf_tokenizer_name": "some/one"}, "has the tokenizer some/one, and none of its files"),
        ("text_cfg", {"hf_model_name": "roberta-base"}, "roberta-base of another repository"),
        ("text_cfg", {"tokenizer_kwargs": {"reduction_mask": "random"}}, "drops tokens"),
        ("", {"multimodal_cfg": {}}, "writes captions"),
        ("text_cfg", {"width": 64}, "missing or damaged"),
    ],
)
def test_folder_when_the_config_asks_for_more(tmp_path: Path, place: str, values: dict[str, Any], said: str) -> None:
    """One line says what cannot be loaded, and nothing is fetched from elsewhere."""
    write_model(tmp_path, VIT)
    change(tmp_path, place, **values)
    with pytest.raises(ModelFilesError, match=said) as caught:
        loaded(tmp_path)
    assert "\n" not in str(caught.value)


def test_tokenizer_without_a_padding_token(siglip: Path, tmp_path: Path) -> None:
    """It is refused when the model is loaded, and not by every request."""
    write_tokenizer(tmp_path, pad=None)
    for name in ("open_clip_config.json", "open_clip_model.safetensors"):
        (tmp_path / name).hardlink_to(siglip / name)
    with pytest.raises(ModelFilesError, match="no padding token"):
        loaded(tmp_path)


@pytest.mark.parametrize("custom_text", [False, True])
def test_weights_with_the_names_of_transformers(tmp_path: Path, custom_text: bool) -> None:
    """A CLIP of transformers gives the same logits as an open_clip model, to rounding."""
    torch.manual_seed(0)
    text, vision = VIT["text_cfg"], VIT["vision_cfg"]
    theirs = CLIPModel(
        CLIPConfig(
            projection_dim=32,
            text_config={
                "vocab_size": text["vocab_size"],
                "hidden_size": 32,
                "intermediate_size": 128,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "max_position_embeddings": 16,
                "eos_token_id": 49407,
            },
            vision_config={
                "hidden_size": 64,
                "intermediate_size": 256,
                "num_hidden_layers": vision["layers"],
                "num_attention_heads": 2,
                "image_size": 32,
                "patch_size": 8,
            },
        )
    ).eval()
    write_model(tmp_path, {**VIT, "custom_text": custom_text})
    save_file(dict(theirs.state_dict()), tmp_path / "open_clip_model.safetensors")
    clip = loaded(tmp_path)
    tokens = clip.tokens_of(TASK)[0]
    with torch.no_grad():
        expected = theirs(input_ids=tokens, pixel_values=(IMAGES - 0.5) / 0.5).logits_per_image
        torch.testing.assert_close(clip.zero_shot(TASK)(IMAGES), expected, rtol=1e-4, atol=1e-4)


def test_weights_with_the_names_of_transformers_and_another_shape(tmp_path: Path) -> None:
    """One line, and no model that is partly random."""
    write_model(tmp_path, VIT)
    save_file({"vision_model.embeddings.class_embedding": torch.zeros(64)}, tmp_path / "open_clip_model.safetensors")
    with pytest.raises(ModelFilesError, match="missing or damaged"):
        loaded(tmp_path)


def test_fine_tuning_of_a_model_with_a_bias(siglip: Path) -> None:
    """Scale and bias stay as they are, and it learns from the logits that will serve."""
    clip = loaded(siglip)
    tunable = TunableClip(clip, TASK, CPU)
    with torch.no_grad():
        torch.testing.assert_close(tunable(IMAGES), clip.zero_shot(TASK)(IMAGES), rtol=1e-4, atol=1e-4)
    frozen = {name for name, parameter in tunable.model.named_parameters() if not parameter.requires_grad}
    assert frozen == {"logit_scale", "logit_bias"}
