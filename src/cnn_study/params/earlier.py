"""Keys of a params.yaml of release 0.1.0, and where what they say stands now."""

from cnn_study.base.schema import Mistake

MOVED = {
    "training.epochs": "training.budgets, a list of epochs",
    "tune.lowest": "tune.range, from the lowest to the highest rate of each optimizer",
    "tune.highest": "tune.range, from the lowest to the highest rate of each optimizer",
    "tune.count": "tune.factor, from one rate to the next, and tune.beyond",
    "replay.learning_rates": "replay.runs.learning_rates",
    "replay.images": "replay.runs.images",
    "replay.training": "replay.runs with a recipe, and replay.learning_rate",
    "analysis.images": "evaluate.images",
    "analysis.shown_images": "evaluate.shown_images",
    "analysis.channels": "evaluate.channels",
} | {
    f"training.{key}": f"training.recipe.{key}"
    for key in (
        "batch_size", "optimizer", "momentum", "weight_decay", "schedule", "warmup", "label_smoothing",
        "augmentation", "initialization", "precision", "device", "threads",
    )
}  # fmt: skip


def renamed(mistake: Mistake) -> Mistake:
    """Of a key that release 0.1.0 had, with its new name; any other as it is."""
    keys = mistake.keys
    own = keys[2:] if keys[:1] == ("architectures",) else keys  # what an architecture overrides
    moved = MOVED.get(".".join(map(str, own)))
    return mistake if moved is None else Mistake(keys, f"a key of release 0.1.0, now {moved}")
