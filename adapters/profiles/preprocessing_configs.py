"""How a model was shown its images: their side, and how they became square, as its own config says it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.images import ResizeMode

Config = Mapping[str, object]
Place = tuple[str, ...]

LARGER_FIRST = 224 / 256
"""Of the side that pictures are resized to, what the cut keeps: the usual evaluation on ImageNet."""
NEAR = 0.005
SQUASHED_FROM = 384
"""Side from which transformers' ConvNeXt cuts nothing off."""
OPEN_CLIP_MODES: Mapping[object, ResizeMode] = {"squash": ResizeMode.SQUASH, "longest": ResizeMode.PAD}
TIMM_MODES: Mapping[object, ResizeMode] = {"squash": ResizeMode.SQUASH, "border": ResizeMode.PAD}
CROPS: Sequence[Place] = (("crop_size", "height"), ("crop_size",))
SIZES: Sequence[Place] = (("size", "height"), ("size", "shortest_edge"), ("size",))
OF_MODELS: Sequence[Place] = (("image_size",), ("vision_config", "image_size"))


@dataclass(frozen=True)
class Seen:
    """The height and width of its images, where they are said, and how a picture got them."""

    side: int | None = None
    preprocessing: ResizeMode = ResizeMode.SHORTER_SIDE


PLAIN = Seen()


def seen_by_open_clip(config: Config) -> Seen:
    stated = config.get("preprocess_cfg")
    mode = stated.get("resize_mode") if isinstance(stated, Mapping) else None
    side = side_in(config, ("model_cfg", "vision_cfg", "image_size"))
    return Seen(side, OPEN_CLIP_MODES.get(mode, ResizeMode.SHORTER_SIDE))


def seen_by_transformers(config: Config, processors: Sequence[Config]) -> Seen:
    """The preprocessor's word goes before the config's; some keep theirs in a table `image_processor`."""
    for processor in processors:
        nested = processor.get("image_processor")
        seen = seen_by_processor(nested if isinstance(nested, Mapping) else processor)
        if seen.side is not None:
            return seen
    return Seen(first_side(config, OF_MODELS))


def seen_by_processor(processor: Config) -> Seen:
    """What is cut out of the centre is what the model sees; without a cut, both sides are made those of `size`."""
    size = first_side(processor, SIZES)
    if processor.get("do_center_crop"):
        return after_cut(first_side(processor, CROPS) or size, size)
    share = processor.get("crop_pct")
    if isinstance(share, float) and size is not None and size < SQUASHED_FROM:
        return Seen(size, mode_of(share))
    return Seen(size, ResizeMode.SQUASH)


def after_cut(cut: int | None, size: int | None) -> Seen:
    return Seen(cut, ResizeMode.SHORTER_SIDE if cut is None or size is None else mode_of(cut / size))


def seen_by_timm(config: Config) -> Seen:
    """What the folder's config says, or the table of the pretrained model in it."""
    tables = [table for table in (config.get("pretrained_cfg"), config) if isinstance(table, Mapping)]
    for table in tables:
        size = table.get("input_size")
        if isinstance(size, list) and len(size) == 3 and isinstance(size[-1], int):
            share = table.get("crop_pct")
            usual = mode_of(share) if isinstance(share, float) else ResizeMode.SHORTER_SIDE
            return Seen(size[-1], TIMM_MODES.get(table.get("crop_mode"), usual))
    return PLAIN


def mode_of(share: float) -> ResizeMode:
    """Of the share that a cut keeps, the nearest of what there is."""
    is_usual = abs(share - LARGER_FIRST) < NEAR
    return ResizeMode.RESIZE_256_CROP_224 if is_usual else ResizeMode.SHORTER_SIDE


def first_side(config: Config, places: Sequence[Place]) -> int | None:
    stated = (side_in(config, place) for place in places)
    return next((side for side in stated if side), None)


def side_in(config: object, place: Place) -> int | None:
    """A whole number, or the first of a pair, at a place of a config."""
    for name in place:
        config = config.get(name) if isinstance(config, Mapping) else None
    if isinstance(config, list) and config:
        config = config[0]
    return config if isinstance(config, int) and not isinstance(config, bool) and config > 0 else None
