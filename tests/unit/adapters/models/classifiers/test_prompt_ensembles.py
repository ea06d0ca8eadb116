"""Prompt ensembles: the mean over templates of unit text features, normalised again."""

import open_clip
import pytest
import torch

from adapters.models.classifiers.clip import ClipModel, load_clip
from adapters.models.classifiers.ensembles import mean_direction
from adapters.models.training.fine_tuning import TunableClip
from adapters.profiles.profile import BUNDLED
from robustify.errors import InvalidInputError
from robustify.types import Task

CPU = torch.device("cpu")
LABELS = ("cat", "dog", "horse")
TEMPLATES = ("a photo of a {}", "a drawing of a {}", "the {}")
FOLDER = f"local-dir:{BUNDLED / 'clip'}"


@pytest.fixture(scope="module")
def clip() -> ClipModel:
    return load_clip(FOLDER, CPU, torch.float32)


def test_features_when_there_are_several_templates(clip: ClipModel) -> None:
    """Those of open_clip's own evaluation (`build_zero_shot_classifier`), which is CLIP's."""
    formats = [lambda label, template=template: template.replace("{}", label) for template in TEMPLATES]
    model, tokenizer = open_clip.create_model(FOLDER), open_clip.get_tokenizer(FOLDER)
    expected = open_clip.build_zero_shot_classifier(model.eval(), tokenizer, LABELS, formats, device=CPU)
    found = clip.zero_shot(Task.of(LABELS, TEMPLATES)).text_features
    torch.testing.assert_close(found, expected.T, rtol=1e-5, atol=1e-6)


def test_features_when_there_is_one_template(clip: ClipModel) -> None:
    """They are to the bit what they were before there were ensembles."""
    tokens = clip.tokenizer([f"the {label}" for label in LABELS])
    with torch.no_grad():
        expected = clip.embed_texts(tokens)
    assert torch.equal(clip.zero_shot(Task.of(LABELS, ["the {}"])).text_features, expected)


def test_mean_of_one_direction() -> None:
    """It is that direction, unchanged."""
    features = torch.nn.functional.normalize(torch.rand(1, 3, 5), dim=-1)
    assert torch.equal(mean_direction(features), features[0])


def test_fine_tuning_when_there_are_several_templates(clip: ClipModel) -> None:
    """It learns from the logits that will serve, and keeps the logit scale."""
    task = Task.of(LABELS, TEMPLATES)
    tunable = TunableClip(clip, task, CPU)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(tunable(images), clip.zero_shot(task)(images), rtol=1e-4, atol=1e-4)
    assert not tunable.model.get_parameter("logit_scale").requires_grad


def test_prompt_that_is_too_long_in_one_template(clip: ClipModel) -> None:
    """The label is refused, and named once."""
    task = Task.of(("cat", "dog"), ("a {}", "a {} " + "on a mat " * 12))
    with pytest.raises(InvalidInputError, match=r"'cat' \(1\); 'dog' \(2\)\. Shorten"):
        clip.zero_shot(task)


def test_task_of_one_template() -> None:
    """It is the same task, whether it came alone or in a list."""
    assert Task.of(LABELS, ["the {}"]) == Task(LABELS, "the {}")
    assert Task.of(LABELS, TEMPLATES).templates == TEMPLATES
    assert Task.of(LABELS, TEMPLATES).template == TEMPLATES[0]
