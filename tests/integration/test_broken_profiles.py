"""`robustify profiles check` on profiles that are wrong: one line each, exit 2, and no model library loaded."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters.profiles.manifest import sha256_of, write_manifest

REPOSITORY = Path(__file__).parents[2]
CHECK_ALL = """
import contextlib, io, json, sys
from workers.commands import cli
said = {}
for name in sys.argv[1:]:
    sys.argv = ["robustify", "profiles", "check", name]
    with contextlib.redirect_stderr(io.StringIO()) as stream:
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code
    said[name] = (code, stream.getvalue())
print(json.dumps({"said": said, "loaded": sorted({"torch", "transformers", "onnxruntime"} & sys.modules.keys())}))
"""
Files = Mapping[str, object]
LICENCE = 'name = "Mine"\nbusiness = "yes"\n'
UNET = {"_class_name": "UNet2DConditionModel", "class_embed_type": "timestep", "block_out_channels": [8, 8]}
SHORT_SCHEDULE = {"num_train_timesteps": 50, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear"}
UNCONDITIONAL = {"_class_name": "UNet2DModel", "in_channels": 3, "sample_size": 32, "block_out_channels": [8, 8, 8]}
CLIP: Files = {"clip/open_clip_config.json": {"model_cfg": {}}, "clip/open_clip_model.safetensors": {}}
TIMM = {"classifier/config.json": {"architecture": "resnet18", "num_classes": 5}, "classifier/model.safetensors": {}}


def denoiser_files(unet: object, schedule: object) -> Files:
    return {
        "denoiser/unet/config.json": unet,
        "denoiser/unet/diffusion_pytorch_model.safetensors": {},
        "denoiser/scheduler/scheduler_config.json": schedule,
    }


UPSCALER_FILES: Files = {
    "denoiser/image_noising_scheduler/scheduler_config.json": {},
    "denoiser/text_encoder/config.json": {},
    "denoiser/text_encoder/model.safetensors": {},
    "denoiser/tokenizer/tokenizer.json": {},
    "denoiser/model_index.json": {},
}


@dataclass(frozen=True)
class Broken:
    """`top`, `denoiser`, `classifier`: lines of its file. `files`: of its folder. `says`: words of the refusal."""

    says: str
    top: str = "side = 32"
    denoiser: str = 'kind = "identity"'
    classifier: str = 'kind = "clip"'
    files: Files = field(default_factory=lambda: CLIP)
    lost: str | None = None
    """A file of the manifest that is not there any more."""
    licence: str = f"[classifier.licence]\n{LICENCE}"

    def text(self, name: str) -> str:
        head = f'name = "{name}"\ndescription = "Broken."\nlicence = "Mine."\n{self.top}\n'
        denoiser = f"[denoiser]\n{self.denoiser}\n[denoiser.licence]\n{LICENCE}"
        return f"{head}{denoiser}[classifier]\n{self.classifier}\n{self.licence}"


UPSCALER = 'kind = "super-resolution"'
BROKEN = {
    "missing-file": Broken(
        "model file clip/open_clip_model.safetensors is missing", lost="clip/open_clip_model.safetensors"
    ),
    "pickle": Broken(
        "model file classifier/pytorch_model.bin is a pickle: only safetensors are loaded",
        classifier='kind = "transformers"',
        files={"classifier/config.json": {"model_type": "vit"}, "classifier/pytorch_model.bin": {}},
    ),
    "channels": Broken(
        "the UNet of denoiser takes 5 channels",
        denoiser=UPSCALER,
        files={**CLIP, **UPSCALER_FILES, **denoiser_files(UNET | {"in_channels": 5}, {})},
    ),
    "latent": Broken(
        "denoiser is a latent model: its noise is not that of pixels",
        denoiser=UPSCALER,
        files={**CLIP, **UPSCALER_FILES, **denoiser_files(UNET | {"in_channels": 4}, {})},
    ),
    "labels": Broken(
        "the classifier has 5 classes, and the list names 2",
        classifier='kind = "timm"\nclass_list = "classes.txt"',
        files={**TIMM, "classifier/classes.txt": "crane\nheron\n"},
    ),
    "unknown-key": Broken("unknown-key.toml, line 4: sied: Extra inputs are not permitted", top="sied = 32\nside = 32"),
    "two-denoisers": Broken(
        "two-denoisers.toml, line 10: it is no TOML: this table is there twice",
        denoiser=f'kind = "identity"\n[denoiser.licence]\n{LICENCE}[denoiser]\nkind = "ffdnet"',
    ),
    "outside": Broken(
        "outside.toml, line 12: classifier.class_list: a file is named by its path inside",
        classifier='kind = "timm"\nclass_list = "../../names.txt"',
    ),
    "no-licence": Broken("no-licence.toml, line 10: classifier.licence: Field required", licence=""),
    "side": Broken(
        "side.toml, line 4: side: a denoiser of kind ffdnet needs a multiple of 2, such as 32",
        top="side = 33",
        denoiser='kind = "ffdnet"\npackage = "ffdnet"',
    ),
    "schedule": Broken(
        "sigma 0.5 is outside the denoiser's schedule, which ends at 0.406",
        top="side = 32\nsigma = 0.5",
        denoiser='kind = "unconditional"',
        files={**CLIP, **denoiser_files(UNCONDITIONAL, SHORT_SCHEDULE)},
    ),
    "training": Broken(
        "training.toml, line 5: sigma: sigma 0.5 is outside of what this denoiser was trained for: choose 0 to 0.2",
        top="side = 32\nsigma = 0.5",
        denoiser='kind = "restoration"\noptions = {max_sigma = 0.2}',
    ),
    "template": Broken(
        "template.toml, line 12: classifier.templates.0: a template has {} once",
        classifier='kind = "clip"\ntemplates = ["a photo"]',
    ),
    "levels": Broken(
        "side 48 is no multiple of 32, by which the denoiser's UNet reduces images",
        top="side = 48",
        denoiser='kind = "unconditional"',
        files={**CLIP, **denoiser_files(UNCONDITIONAL | {"block_out_channels": [8] * 6}, {})},
    ),
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with all of them, each with its folder of models as it would be published."""
    for name, broken in BROKEN.items():
        path = tmp_path / "profiles" / f"{name}.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(broken.text(name), encoding="utf-8")
        publish(tmp_path / "models" / name, broken)
    return tmp_path


def publish(folder: Path, broken: Broken) -> None:
    for name, content in broken.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    write_manifest(folder, {name: sha256_of(folder / name) for name in broken.files})
    if broken.lost is not None:
        (folder / broken.lost).unlink()


def test_check_when_something_is_wrong(state: Path) -> None:
    """Each is refused in one line that says what is wrong, whatever else lies beside it; nothing is loaded for it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROBUSTIFY_")}
    done = subprocess.run(
        [sys.executable, "-c", CHECK_ALL, *BROKEN],
        env={**kept, "ROBUSTIFY_STATE_DIR": str(state), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    said = {name: text.removeprefix("error: ") for name, (_, text) in answer["said"].items()}

    assert {name: code for name, (code, _) in answer["said"].items()} == dict.fromkeys(BROKEN, 2)
    assert {name: broken.says in said[name] for name, broken in BROKEN.items()} == dict.fromkeys(BROKEN, True), said
    assert {name: text.count("\n") for name, text in said.items()} == dict.fromkeys(BROKEN, 1)
    assert answer["loaded"] == []
