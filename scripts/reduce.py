"""Reduce params.yaml to a study that takes minutes, visibly: ``dvc params diff`` shows what was changed."""

import io
from collections.abc import Collection, Mapping
from typing import Any

from ruamel.yaml import YAML

from cnn_study.base.files import write_whole
from cnn_study.base.yaml import PARAMS
from cnn_study.messages.mistakes import dotted
from cnn_study.params.study import validate

# The original report's networks, and normalisation's control.
REPORT = (
    "kernel_3x3", "kernel_5x5", "kernel_7x7", "kernel_1x1_3x3",
    "depth_4", "depth_6", "depth_6_norm", "residual",
)  # fmt: skip
# Ten minutes on two cores, on any processor.
QUICK = {
    ("data", "train_images"): 2400,
    ("data", "test_images"): 1000,
    ("training", "budgets"): [1, 2],
    ("tune", "images"): 1200,  # judged on 240: within one standard error, 3 points, lie rather low rates
    ("replay", "runs", "images"): 500,
    ("evaluate", "images"): 100,
}
EMBEDDED = {("data", "dataset"): "fashion_mnist", **QUICK}


def reduce_params(values: Mapping[tuple[str, ...], Any], also: Collection[str]) -> str:
    """Set these keys of params.yaml, keep the original report's networks, and ``also`` those; say what changed.

    Nothing is made larger than it was, and where params.yaml has no network of the original report, all of its own
    stay.
    """
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 1000
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(PARAMS)
    changes = []
    for (*sections, key), value in values.items():
        place = content
        for section in sections:
            place = place[section]
        before = place[key]
        if before != value and not is_smaller(before, value):
            changes.append(
                f"{dotted((*sections, key))}: {value} (was {list(before) if isinstance(before, list) else before})"
            )
            if isinstance(before, list):
                before[:] = value  # as it is written there, on one line
            else:
                place[key] = value
    if set(REPORT) & set(content["architectures"]) and (removed := keep_networks(content, {*REPORT, *also})):
        changes.append(f"and no longer {', '.join(removed)}")
    validate(content)  # the rest of the file may ask for more images than there are now
    buffer = io.BytesIO()
    yaml.dump(content, buffer)
    write_whole(PARAMS, buffer.getbuffer())
    if not changes:
        return f"{PARAMS} is as small already"
    return f"{PARAMS} now says {', '.join(changes)}: `dvc params diff` shows it"


def keep_networks(content: Any, kept: Collection[str]) -> list[str]:
    """Take all other networks out of ``content``, with what compares them; the names of those taken out."""
    removed = [name for name in content["architectures"] if name not in kept]
    for name in removed:
        del content["architectures"][name]
    for key, study in list(content["studies"].items()):
        for name in [name for name in study["members"] if name not in kept]:
            del study["members"][name]
        if study["baseline"] not in kept or len(study["members"]) == 1:
            del content["studies"][key]
            continue
        remove_others(study.get("controls", []), lambda pair: {pair["of"], pair["against"]} <= set(kept))
    remove_others(content["replay"]["architectures"], lambda name: name in kept)
    return removed


def remove_others(items: list[Any], stays: Any) -> None:
    """Of a list that keeps its comments."""
    for index in reversed([index for index, item in enumerate(items) if not stays(item)]):
        del items[index]


def is_smaller(before: Any, value: Any) -> bool:
    """Whether a number, or the largest of a list, is smaller than ``value``; "all" is not."""
    if isinstance(before, list) and isinstance(value, list):
        return bool(max(before) < max(value))
    return isinstance(before, int) and isinstance(value, int) and before < value
