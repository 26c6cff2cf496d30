"""What is said of cost: what the winner takes, and which networks are the front of cost and accuracy."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from cnn_study.analysis.statistics import LEVEL
from cnn_study.report.kit.findings import SUMMARY, TIMING_CONCLUSIONS, Finding
from cnn_study.report.kit.wording import duration, listed, mean_of, percent, times, times_within
from cnn_study.report.topics.studies.study import ComparedStudy

FACTS = {"training_flops": "training FLOPs", "parameters": "parameters"}


def winner_cost(study: ComparedStudy) -> list[Finding]:
    """What the winner takes, as ratios to the baseline; whether their times differ."""
    against = study.against_baseline(study.comparison.ranking[0]) if study.comparison.ranking else None
    if against is None:
        return []
    step, facts = study.costs.ratio(against.of, against.against), _facts(study, against.of, against.against)
    unit = study.costs.unit(against.of, against.against)
    parts = [] if step is None else [f"{times_within(step)} the time of a {unit}"]
    parts += [f"{times(ratio)} the {FACTS[key]}" for key, ratio in facts.items()]
    text = f"{study.name(against.of)} takes {listed(parts)} of the baseline {study.name(against.against)}"
    numbers: dict[str, Any] = {"of": against.of, "against": against.against, "ratios": facts}
    if step is not None:
        machine = study.costs.machine(against.of, against.against)
        text += f" ({machine})"
        numbers |= {"step": step.model_dump(), "machine": machine}
        if not step.sign:
            text += "; the difference in time is not significant"
    data = SUMMARY if step is None else TIMING_CONCLUSIONS
    return [study.finding("winner_cost", f"{text}.", numbers, data, timed=step is not None)]


def _facts(study: ComparedStudy, of: str, against: str) -> dict[str, float]:
    """Ratios of what needs no clock."""
    return {key: getattr(study.summary[of], key) / getattr(study.summary[against], key) for key in FACTS}


def close_in_time(study: ComparedStudy) -> list[tuple[str, str]]:
    """Neighbours on the front of which it is not shown that the first trains in less time than the second."""
    front = {name: run for name in study.comparison.pareto if (run := study.run(name)) is not None}
    found = []
    for cheaper, dearer in pairwise(front):
        step = study.costs.ratio(dearer, cheaper)
        if step is None or not step.times(front[dearer].images / front[cheaper].images).sign:
            found.append((cheaper, dearer))
    return found


def between(study: ComparedStudy, pairs: Sequence[tuple[str, str]]) -> str:
    """Between 3×3 and 5×5 and between 5×5 and 7×7."""
    return listed([f"between {study.name(one)} and {study.name(other)}" for one, other in pairs])


def pareto(study: ComparedStudy) -> list[Finding]:
    """Which networks are the front of cost and mean accuracy, and which of them do not differ in cost."""
    front = {name: run for name in study.comparison.pareto if (run := study.run(name)) is not None}
    if not front or len(study.spec.members) < 2:
        return []
    accuracies = {name: study.accuracy(name) for name in front}
    parts = [
        f"{study.name(name)} ({duration(run.seconds)}, {percent(mean_of(accuracies[name]))})"
        for name, run in front.items()
    ]
    machine, close = study.costs.machine(*front), close_in_time(study)
    shown = f"p < {LEVEL}, not corrected for the number of pairs"
    text = (
        f"No network is shown to be more accurate{study.epochs} than all with a shorter training time ({shown}); "
        "the shortest "
        f"is that of {listed(parts)}, on {machine}"
        if len(front) == 1
        else f"The shortest training time{study.epochs} is that of {parts[0]}; {listed(parts[1:])} "
        f"{'is' if len(parts) == 2 else 'are each'} more accurate than all networks with a shorter one ({shown}), "
        f"on {machine}"
    )
    if close:
        text += f"; the difference in time is not significant {between(study, close)}"
    numbers = {
        "machine": machine,
        "level": LEVEL,
        "front": {
            name: {"seconds": run.seconds, "test_accuracy": accuracies[name].summary}
            for name, run in front.items()
        },
        "not_significant_in_time": close,
    }
    return [study.finding("pareto", f"{text}.", numbers, TIMING_CONCLUSIONS, timed=True)]
