"""Weights and the test images -> results/evaluate/ARCHITECTURE/.

This is the only stage that reads the test images. Each trained network classifies them once; some are shown to
one of them again for its receptive fields and feature maps. It chooses nothing.
"""

import sys
from pathlib import Path

from cnn_study.base.code import loaded_sources, refuse_edited_sources
from cnn_study.base.files import whole_folder
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.data.splits import load_split
from cnn_study.evaluation.evaluate import evaluate
from cnn_study.evaluation.settings import Evaluate
from cnn_study.networks.weights import load_network
from cnn_study.training.entry import Entry
from cnn_study.training.recipe import Training
from cnn_study.training.records import Trained

RESULTS = Path("results/evaluate")


def main(name: str) -> None:
    loaded_sources()  # now, before any of them can have been edited
    params = read_yaml()
    entry = parse(Entry, section(params, "architectures", name), "architectures", name)
    plan = entry.trained_by(parse(Training, section(params, "training"), "training"))
    settings = parse(Evaluate, section(params, "evaluate"), "evaluate")
    runs = Trained.read(Path("results/train") / name / "run.json").runs
    test = load_split(Path("data/prepared/test"))
    weights = Path("runs/train") / name
    networks = {
        run.seed: load_network(weights / f"seed-{run.seed}.safetensors", entry.network, test.shape)
        for run in runs
        if run.status != "diverged"
    }
    evaluation = evaluate(name, entry.network, plan.recipe, runs, networks, test, settings)
    refuse_edited_sources()
    with whole_folder(RESULTS / name) as folder:
        evaluation.write(folder)


if __name__ == "__main__":
    main(sys.argv[1])
