"""Weights, the test images and the validation images -> results/evaluate/ARCHITECTURE/.

This is the only stage in which a network sees the test images. Each trained network classifies them once; some are
shown again to those of the largest budget for their receptive fields, and to one of them for its feature maps. The
validation images decide one temperature for each of these that trained, by which logits are divided and no
prediction changes; beside that it chooses nothing. What it has found of a run before is taken over, so that a
network whose weights are elsewhere is not needed again.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from cnn_study.base.code import fingerprint, folder_digest, loaded_sources, refuse_edited_sources, sources_digest
from cnn_study.base.errors import StudyError
from cnn_study.base.files import whole_folder
from cnn_study.base.schema import as_error, parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.data.splits import Split, load_split
from cnn_study.evaluation.evaluate import EvaluationPlan, Evaluator, evaluate
from cnn_study.evaluation.results import Evaluation
from cnn_study.evaluation.settings import Evaluate, too_many
from cnn_study.messages.mistakes import found, one_line
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.network import Network
from cnn_study.networks.weights import load_network
from cnn_study.training.entry import Entry
from cnn_study.training.finished import FinishedRun, Trained, weights_name
from cnn_study.training.recipe import Training

RESULTS = Path("results/evaluate")
TEST, VALIDATION = Path("data/prepared/test"), Path("data/prepared/validation")
# What an evaluation depends on besides its run.
PACKAGES = ("base", "data", "evaluation", "networks", "training")
SOURCES = (*(Path("src/cnn_study") / name for name in PACKAGES), Path("stages/evaluate.py"))


def main(name: str) -> None:
    loaded_sources()  # now, before any of them can have been edited
    params = read_yaml()
    entry = parse(Entry, section(params, "architectures", name), "architectures", name)
    recipe = entry.trained_by(parse(Training, section(params, "training"), "training")).recipe
    test = load_split(TEST)
    settings = parse(Evaluate, section(params, "evaluate"), "evaluate")
    if mistakes := list(too_many(settings.images, settings.shown_images, len(test))):
        raise as_error(mistakes)
    plan = plan_of(name, Trained.read(Path("results/train") / name, timing=None).runs)
    largest = max(run.budget for run in plan.runs)

    def weights(run: FinishedRun) -> Network:
        path = Path("runs/train") / name / weights_name(run.seed, run.budget, largest)
        return trained_network(path, entry.network, run, test)

    def evaluator() -> Evaluator:
        return Evaluator(name, entry.network, recipe, test, load_split(VALIDATION), plan.settings)

    evaluation = evaluate(plan, evaluator, weights)
    refuse_edited_sources()
    with whole_folder(RESULTS / name) as folder:
        evaluation.write(folder)


def plan_of(name: str, runs: Sequence[FinishedRun]) -> EvaluationPlan:
    """What is known of an evaluation of ``runs``, and what is not."""
    try:
        earlier = Evaluation.read(RESULTS / name)
    except StudyError:  # there is none, or it is another version's
        earlier = None
    settings = parse(Evaluate, section(read_yaml(), "evaluate"), "evaluate")
    images = (folder_digest(TEST), folder_digest(VALIDATION))
    return EvaluationPlan(runs, earlier, fingerprint(sources_digest(*SOURCES), *images), settings)


def trained_network(path: Path, architecture: Architecture, run: FinishedRun, test: Split) -> Network:
    """The network of ``run`` in ``path``. Raises StudyError if it is another, or of other images than ``test``."""
    network, about = load_network(path)
    for what, given, allowed in (
        ("data set", about.dataset, test.names.dataset),
        ("shape", str(about.shape), str(test.shape)),
        ("classes", about.classes, test.names.classes),
        ("seed", about.seed, run.seed),
        ("budget", about.budget, run.budget),
        ("run", about.fingerprint, run.fingerprint),
    ):
        if given != allowed:
            raise StudyError(
                f"{path}: {what}: {found(given)}, allowed: {one_line(str(allowed))}; `dvc repro` trains again"
            )
    if about.environment != run.environment:
        raise StudyError(f"{path}: environment: found another than in results/train; `dvc repro` trains again")
    if about.architecture != architecture:
        raise StudyError(f"{path}: architecture: found another than in params.yaml; `dvc repro` trains again")
    return network


if __name__ == "__main__":
    main(sys.argv[1])
