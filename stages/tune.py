"""The spec, train and validation images -> results/tune/ARCHITECTURE.json: the rate that it trains with.

Each rate gets a short run, judged on the validation images. Where the best may lie beyond the rates that were
tried, more are. It is read off between them, and made one for training as long as ``tune.for_epochs``: not as the
largest budget, so that a larger one can go on from the trunks there are. A rate that params.yaml fixes is taken as
it is.
"""

import sys
from pathlib import Path

from cnn_study.base.code import refuse_edited_sources
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.training.entry import Entry
from cnn_study.training.recipe import Training
from cnn_study.training.records import Clocks, RunClock, ShortRun, Tuning
from cnn_study.training.search import Search
from cnn_study.training.tuning import Searched, searched
from stages._inputs import Inputs


def main(name: str) -> None:
    params = read_yaml()
    entry = parse(Entry, section(params, "architectures", name), "architectures", name)
    plan = entry.trained_by(parse(Training, section(params, "training"), "training"))
    search = parse(Search, section(params, "tune"), "tune")
    inputs = Inputs.of("tune", name, entry.network, plan.recipe)
    clocks: list[RunClock] = []

    def run(rate: float) -> ShortRun:
        of_rate = inputs.run(f"rate {rate}", training, search.epochs, rate, search.seed)
        clocks.append(RunClock.of(rate, search.seed, search.epochs, of_rate))
        return ShortRun.of(rate, search.seed, of_rate)

    if plan.learning_rate == "tuned":
        training = inputs.training(search.images, search.seed)
        found = searched(search, plan.recipe.optimizer, run)
    else:
        found = Searched((), plan.learning_rate, cut_off=False)
    refuse_edited_sources()
    Clocks(runs=tuple(clocks)).write(Path("results/timing/tune") / f"{name}.json")
    Tuning(
        learning_rate=found.learning_rate,
        cut_off=found.cut_off,
        validation_images=len(inputs.validation),
        runs=found.runs,
        environment=inputs.environment,
    ).write(Path("results/tune") / f"{name}.json")


if __name__ == "__main__":
    main(sys.argv[1])
