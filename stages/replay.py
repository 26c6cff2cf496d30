"""The spec and the recipe in `replay`, train and validation images -> runs/replay/ARCHITECTURE.json.

Short runs, one for each rate and seed, on a part of the training images; the validation images say how good
they are. They choose nothing.
"""

import sys
from pathlib import Path

from cnn_study.base.code import fingerprint, folder_digest, loaded_sources, refuse_edited_sources
from cnn_study.base.environment import set_up
from cnn_study.base.files import SCRATCH, write_json
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.data.splits import Split, balanced_subset, load_split
from cnn_study.messages.progress import Progress
from cnn_study.networks.architecture import spec_of
from cnn_study.training.checkpoint import Checkpoint
from cnn_study.training.layer_check import checked
from cnn_study.training.loop import Batches, train
from cnn_study.training.replay import Replay

PREPARED = Path("data/prepared")


def main(name: str) -> None:
    loaded_sources()  # now, before any of them can have been edited
    params = read_yaml()
    replay = parse(Replay, section(params, "replay"), "replay")
    architecture = spec_of(section(params, "architectures", name), "architectures", name)
    recipe = replay.training
    used = recipe.model_dump(exclude={"seeds", "learning_rate"})  # of a run, beside its own seed and rate
    whole = load_split(PREPARED / "train")
    environment = set_up(recipe.device, recipe.precision, recipe.threads)
    environment = checked(environment, architecture, whole.shape, name)
    validation = Batches.of(load_split(PREPARED / "validation"), environment.device)
    digests = [folder_digest(PREPARED / split) for split in ("train", "validation")]

    runs, clock = [], []
    for seed in recipe.seeds:
        part = balanced_subset(whole.labels, min(replay.images, len(whole)), seed)
        training = Batches.of(Split(whole.images[part], whole.labels[part], whole.classes), environment.device)
        for rate in replay.learning_rates:
            checkpoint = Checkpoint(
                SCRATCH / "checkpoints" / "replay" / name / f"{rate}-{seed}.safetensors",
                fingerprint(architecture, replay.images, used, environment, digests, rate, seed),
            )
            progress = Progress(f"replay {name} rate {rate} seed {seed}", recipe.epochs)
            _, run = train(
                architecture, training, validation, recipe, rate, seed, environment, checkpoint, progress
            )
            key = {"learning_rate": rate, "seed": seed}
            accuracy = run.epochs[-1]["validation_accuracy"]
            runs.append(key | {"status": run.status, "validation_accuracy": accuracy})
            clock.append(key | {"epochs": run.clock})
    refuse_edited_sources()
    write_json(Path("runs/timing/replay") / f"{name}.json", clock)
    result = {"images": len(training), "runs": runs, "environment": environment.as_dict()}
    write_json(Path("runs/replay") / f"{name}.json", result)


if __name__ == "__main__":
    main(sys.argv[1])
