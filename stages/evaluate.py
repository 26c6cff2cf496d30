"""Weights and the test images -> results/evaluate/ARCHITECTURE/.

This is the only stage that reads the test images. Each trained network classifies them once; some are shown to
one of them again for its receptive fields and feature maps. It chooses nothing.
"""

import sys
from pathlib import Path

from cnn_study.base.code import loaded_sources, refuse_edited_sources
from cnn_study.base.errors import StudyError
from cnn_study.base.files import whole_folder
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.data.splits import Split, load_split
from cnn_study.evaluation.evaluate import evaluate
from cnn_study.evaluation.settings import Evaluate
from cnn_study.messages.mistakes import found, one_line
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.network import Network
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
        run.seed: trained_network(weights / f"seed-{run.seed}.safetensors", entry.network, run.seed, test)
        for run in runs
        if run.status != "diverged"
    }
    evaluation = evaluate(name, entry.network, plan.recipe, runs, networks, test, settings)
    refuse_edited_sources()
    with whole_folder(RESULTS / name) as folder:
        evaluation.write(folder)


def trained_network(path: Path, architecture: Architecture, seed: int, test: Split) -> Network:
    """The network in ``path``. Raises StudyError if it is another, or of other images than ``test``."""
    network, about = load_network(path)
    for what, given, allowed in (
        ("data set", about.dataset, test.names.dataset),
        ("shape", str(about.shape), str(test.shape)),
        ("classes", about.classes, test.names.classes),
        ("seed", about.seed, seed),
    ):
        if given != allowed:
            raise StudyError(
                f"{path}: {what}: {found(given)}, allowed: {one_line(str(allowed))}; `dvc repro` trains anew"
            )
    if about.architecture != architecture:
        raise StudyError(f"{path}: architecture: found another than in params.yaml; `dvc repro` trains anew")
    return network


if __name__ == "__main__":
    main(sys.argv[1])
