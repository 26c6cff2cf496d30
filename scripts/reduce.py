"""Reduce params.yaml to a study that takes minutes, visibly: ``dvc params diff`` shows what was changed."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML

from cnn_study.base.files import write_whole
from cnn_study.base.yaml import PARAMS, read_yaml
from cnn_study.messages.mistakes import dotted
from cnn_study.params.study import Params, validate
from cnn_study.sources.datasets import FOLDER
from scripts.edit_yaml import dumped, for_edits

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
    ("tune", "for_epochs"): 2,
    ("tune", "images"): 1200,
    ("replay", "runs", "images"): 500,
    ("evaluate", "images"): 100,
}
OF_THE_DATA = {("data", "dataset"): "fashion_mnist", ("data", "size"): 32}
EMBEDDED = OF_THE_DATA | QUICK


def reduce_params(values: Mapping[tuple[str, ...], Any], also: Collection[str]) -> str:
    """Set these keys of params.yaml, keep the original report's networks, and ``also`` those; say what changed.

    No number is made larger than it was, but for the size of images. All networks stay where those of the original
    report are in no study or no replay.
    """
    params = validate(read_yaml())
    yaml = for_edits()
    content = yaml.load(PARAMS)
    changes = []
    for (*sections, key), value in values.items():
        place = content
        for section in sections:
            place = place[section]
        before = place[key]
        if before == "all" and content["data"]["dataset"] == FOLDER:
            continue  # it has as many as it has
        if isinstance(before, list):
            changes += cap(before, max(value), (*sections, key))
        elif before != value and ((*sections, key) in OF_THE_DATA or not is_smaller(before, value)):
            changes.append(f"{dotted((*sections, key))}: {value} (was {before})")
            place[key] = value
    kept = with_partners(params, {*REPORT, *also} & set(params.architectures))
    studies = studies_that_stay(params, kept, also)
    if not studies or not kept & set(params.replay.architectures):
        kept, studies = set(params.architectures), set(params.studies)
    removed = keep_networks(content, kept, studies)
    for name, entry in content["architectures"].items():
        if own := entry.get("training", {}).get("budgets"):
            changes += cap(own, max(values["training", "budgets"]), ("architectures", name, "training", "budgets"))
    if removed:
        changes.append(f"no longer {', '.join(removed)}")
    written = dumped(yaml, content)
    # The rest of the file may ask for more images than there are now.
    validate(YAML(typ="safe", pure=True).load(written))
    write_whole(PARAMS, written)
    if not changes:
        return f"{PARAMS} is as small already"
    return f"{PARAMS} now has {', '.join(changes)}: `dvc params diff` shows it"


def with_partners(params: Params, kept: Collection[str]) -> set[str]:
    """These networks, and those that they mirror in a study."""
    partners = {
        partner
        for key, study in params.studies.items()
        if study.baseline in kept
        for member, partner in params.partners(key).items()
        if member in kept
    }
    return set(kept) if partners <= set(kept) else with_partners(params, partners | set(kept))


def studies_that_stay(params: Params, kept: Collection[str], also: Collection[str]) -> set[str]:
    """Those in which something is left to compare or that one of ``also`` is in, and those that they mirror."""
    stay = {
        key
        for key, study in params.studies.items()
        if study.baseline in kept and (len(study.members.keys() & kept) > 1 or study.members.keys() & also)
    }
    return stay | {mirrored for key in stay if (mirrored := params.studies[key].mirrors)}


def cap(budgets: list[int], most: int, keys: Sequence[str]) -> list[str]:
    """Make budgets no larger than this, as they are written; what was changed, if anything."""
    before, capped = list(budgets), list(dict.fromkeys(min(budget, most) for budget in budgets))
    if capped == before:
        return []
    budgets[:] = capped
    return [f"{dotted(keys)}: {capped} (was {before})"]


def keep_networks(content: Any, kept: Collection[str], studies: Collection[str]) -> list[str]:
    """Take all others out of ``content``, with what compares them; the names of the networks taken out."""
    removed = [name for name in content["architectures"] if name not in kept]
    for name in removed:
        del content["architectures"][name]
    for key, study in list(content["studies"].items()):
        if key not in studies:
            del content["studies"][key]
            continue
        for name in [name for name in study["members"] if name not in kept]:
            del study["members"][name]
        remove_others(study.get("controls", []), lambda pair: {pair["of"], pair["against"]} <= set(kept))
    remove_others(content["replay"]["architectures"], lambda name: name in kept)
    return removed


def remove_others(items: list[Any], stays: Any) -> None:
    """Of a list that keeps its comments."""
    for index in reversed([index for index, item in enumerate(items) if not stays(item)]):
        del items[index]


def is_smaller(before: Any, value: Any) -> bool:
    """Whether a number is smaller than ``value``; "all" is not."""
    return isinstance(before, int) and isinstance(value, int) and before < value
