"""What is asked of an import: its fields, and the profiles that can use one."""

from dataclasses import replace

import pytest

from adapters.contract.adapt import checked_adaptation
from adapters.contract.exchange import checked_import
from adapters.contract.fields import FieldsError
from adapters.profiles.library import find_profile

MINI = find_profile("mini")
FIELDS = {"name": "pets", "labels": ["cat", "dog"]}


def test_import_of_a_task_with_an_ensemble() -> None:
    """All templates are the task's, and the prompt is as it was written."""
    asked = checked_import({**FIELDS, "templates": ["a {}", "the {}"], "prompt": " a photo of sks "}, MINI)

    assert asked.label_task.all_templates == ("a {}", "the {}")
    assert asked.prompt == "a photo of sks"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"labels": ["cat"]}, "labels"),
        ({"name": "a/b"}, "name"),
        ({"template": "no slot"}, "template"),
        ({"template": "a {}", "templates": ["a {}"]}, "either template or templates"),
        ({"prompt": "x" * 201}, "The prompt has 201 characters"),
        ({"labels": ["cat", "1" * 90]}, "at most"),
        ({"weights": 1}, "tasks import has no such field"),
    ],
)
def test_import_with_a_field_that_is_wrong(fields: dict[str, object], message: str) -> None:
    """It is refused with the field's name."""
    with pytest.raises(FieldsError, match=message):
        checked_import({**FIELDS, **fields}, MINI)


def test_import_for_a_profile_without_such_weights() -> None:
    """A LoRA has no place there, and neither have own references."""
    for changes in ({"denoiser": "ffdnet"}, {"folder": None}):
        with pytest.raises(FieldsError, match="profile"):
            checked_import(FIELDS, replace(MINI, **changes))
        with pytest.raises(FieldsError, match="no models that can learn"):
            checked_adaptation(FIELDS, False, replace(MINI, **changes), synthesizes=False)


def test_own_references_when_there_is_no_generator() -> None:
    """They take its place; without a step nothing would be learned from them."""
    without = replace(MINI, folder=MINI.folder and MINI.folder / "clip")
    with pytest.raises(FieldsError, match="text-to-image"):
        checked_adaptation(FIELDS, False, without)
    with pytest.raises(FieldsError, match="nothing is learned"):
        checked_adaptation({**FIELDS, "steps": 0}, False, MINI, synthesizes=False)

    assert checked_adaptation(FIELDS, False, without, synthesizes=False).name == "pets"
