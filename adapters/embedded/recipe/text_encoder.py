"""Builds the small T5 text encoder and its tokenizer, shared by both stages of the cascade.

    python -m adapters.embedded.recipe.text_encoder DATA --output adapters/embedded/weights/text

Cost: about 3 minutes on one core. Expected: at least 99 % of prompts name their class (210 classes).

The encoder learns to tell the class from the prompt; it is then frozen, and the stages attend to its 77 output rows as
DeepFloyd's attend to T5-XXL's. Prompts are lower-cased and stripped, as `IFPipeline.encode_prompt` does.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import nn
from transformers import T5Config, T5EncoderModel, T5Tokenizer

from adapters.embedded.recipe.data import read_training_set
from adapters.embedded.recipe.names import TEMPLATES, synonyms
from adapters.embedded.recipe.training import TrainingOptions, train
from adapters.models.training.checkpoints import Checkpoint

PROMPT_TOKENS = 77
"""The length that diffusers' IF pipelines pad to."""
VOCABULARY = 1200
OPTIONS = TrainingOptions(steps=1500, learning_rate=2e-3, weight_decay=0.01, ema_decay=0.99, checkpoint_seconds=60)
BATCH_SIZE = 128


def prompt_of(template: str, name: str) -> str:
    return template.format(name).lower().strip()


def train_tokenizer(names: Sequence[str]) -> T5Tokenizer:
    """A unigram tokenizer over the prompts; every printable ASCII character is a piece, so any prompt can be read."""
    corpus = [prompt_of(template, name) for template in TEMPLATES for name in names]
    unigram = Tokenizer(models.Unigram())
    unigram.normalizer = normalizers.NFKC()
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<pad>", "</s>", "<unk>"],
        unk_token="<unk>",
        initial_alphabet=[chr(code) for code in range(33, 127)],
    )
    unigram.train_from_iterator(corpus, trainer)
    scores = {piece: score for piece, score in pieces_of(unigram)}
    return T5Tokenizer(vocab=list(scores.items()), extra_ids=0, model_max_length=PROMPT_TOKENS)


def pieces_of(unigram: Tokenizer) -> list[tuple[str, float]]:
    import json

    return [(piece, float(score)) for piece, score in json.loads(unigram.to_str())["model"]["vocab"]]


def text_encoder_config(vocabulary: int) -> T5Config:
    return T5Config(
        vocab_size=vocabulary,
        d_model=64,
        d_kv=16,
        d_ff=160,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        is_encoder_decoder=False,
        use_cache=False,
        tie_word_embeddings=False,
    )


class PromptClassifier(nn.Module):
    """The encoder with a linear head over the mean of its rows; only the encoder is kept."""

    def __init__(self, encoder: T5EncoderModel, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.config.d_model, classes)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        rows = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(rows.dtype)
        logits: torch.Tensor = self.head((rows * weights).sum(1) / weights.sum(1))
        return logits


def build(data: Path, output: Path) -> float:
    """Train, save in `output/{text_encoder,tokenizer}`, and return the share of prompts that name their class."""
    class_names = read_training_set(data, held_back=True).class_names
    names = synonyms(data / "tiny_imagenet_32", class_names)
    tokenizer = train_tokenizer([name for group in names for name in group])
    torch.manual_seed(OPTIONS.seed)
    model = PromptClassifier(T5EncoderModel(text_encoder_config(len(tokenizer))), len(names))

    def batch(rng: random.Random, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        labels = [rng.randrange(len(names)) for _ in range(size)]
        prompts = [prompt_of(rng.choice(TEMPLATES), rng.choice(names[label])) for label in labels]
        tokens = tokenizer(prompts, padding=True, truncation=True, max_length=PROMPT_TOKENS, return_tensors="pt")
        return tokens.input_ids, tokens.attention_mask, torch.tensor(labels)

    def loss_of_step(step: int, generator: torch.Generator) -> torch.Tensor:
        ids, mask, labels = batch(random.Random(generator.initial_seed()), BATCH_SIZE)
        return nn.functional.cross_entropy(model(ids, mask), labels, label_smoothing=0.1)

    average = train(model, loss_of_step, OPTIONS, Checkpoint(output / "training.safetensors"))
    model.load_state_dict(average)
    model.eval()
    with torch.no_grad():
        ids, mask, labels = batch(random.Random(-1), 2000)
        accuracy: float = (model(ids, mask).argmax(1) == labels).float().mean().item()
    model.encoder.save_pretrained(output / "text_encoder")
    tokenizer.save_pretrained(output / "tokenizer")
    return accuracy


def main(data: Path, output: Annotated[Path, typer.Option(help="Folder of the encoder and the tokenizer.")]) -> None:
    typer.echo(f"accuracy {build(data, output):.3f}")


if __name__ == "__main__":
    typer.run(main)
