"""The spec and the recipe in `replay`, train and validation images -> results/replay/ARCHITECTURE.json.

Short runs, one for each rate and seed, on a part of the training images; the validation images say how good
they are. They choose nothing.
"""

import sys
from pathlib import Path

from cnn_study.base.code import refuse_edited_sources
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.networks.architecture import spec_of
from cnn_study.training.records import Clocks, Replayed, RunClock, ShortRun
from cnn_study.training.replay import ShortRuns
from stages._inputs import Inputs


def main(name: str) -> None:
    params = read_yaml()
    architecture = spec_of(section(params, "architectures", name), "architectures", name)
    plan = parse(ShortRuns, section(params, "replay", "runs"), "replay", "runs")
    inputs = Inputs.of("replay", name, architecture, plan.recipe)
    runs, clocks = [], []
    for seed in plan.seeds:
        training = inputs.training(plan.images, seed)
        for rate in plan.learning_rates:
            run = inputs.run(f"rate {rate} seed {seed}", training, plan.epochs, rate, seed)
            runs.append(ShortRun.of(rate, seed, run))
            clocks.append(RunClock.of(rate, seed, plan.epochs, run))
    refuse_edited_sources()
    Clocks(runs=tuple(clocks)).write(Path("results/timing/replay") / f"{name}.json")
    Replayed(images=len(training), runs=tuple(runs), environment=inputs.environment).write(
        Path("results/replay") / f"{name}.json"
    )


if __name__ == "__main__":
    main(sys.argv[1])
