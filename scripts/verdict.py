"""A network against its baselines, in a line each: what ``make study NET=NAME`` ends with."""

from collections.abc import Iterator, Sequence

from cnn_study.analysis.accuracies import Accuracies
from cnn_study.analysis.compared import Comparison
from cnn_study.analysis.comparisons import Comparer
from cnn_study.analysis.statistics import Estimate
from cnn_study.data.splits import load_labels
from cnn_study.params.study import Params
from cnn_study.report.kit.wording import counted, percent, points_within
from cnn_study.report.topics.studies.study import minimum_detectable
from stages.analyze import RESULTS, read_result


def verdicts(params: Params, net: str, baselines: Sequence[str]) -> Iterator[str]:
    """How accurate the network is on the test images, and whether it differs from each baseline."""
    results = {name: read_result(name) for name in (net, *baselines)}
    labels, names = load_labels(RESULTS / "data")
    for name, result in results.items():
        accuracy = Estimate.of(result.test_accuracies(labels, result.budget)).mean
        parts = [] if accuracy is None else [f"{percent(accuracy)} of the test images right"]
        parts += [] if result.status == "trained" else [result.status]
        parts += [counted(result.budget, "epoch"), counted(len(params.trainings[name].seeds), "seed")]
        yield f"{name}: {', '.join(parts)}"
    optimizers = {name: params.trainings[name].recipe.optimizer for name in results}
    comparer = Comparer(results, Accuracies(results, labels, optimizers), names.classes, params.analysis.margin)
    for baseline in baselines:
        pair = (net, baseline)
        yield f"{net} against {baseline}: {verdict(comparer.family([pair])[pair])}"


def verdict(pair: Comparison) -> str:
    """The difference, with its interval, and whether it is significant."""
    if pair.points is None:
        return "not compared: not both have trained, or they share no training budget"
    difference = points_within(pair.points, pair.interval)
    if pair.interval is None:
        return f"{difference}, of runs that have no interval and so no verdict"
    found = f"{difference}: {pair.verdict}, on its own"
    if pair.judged is not None and pair.verdict == "not decided":
        found += f"; {minimum_detectable(pair.judged)}"
    return f"{found}; `make study` judges all networks of the studies together"
