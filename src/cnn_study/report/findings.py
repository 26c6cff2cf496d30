"""Conclusions by rule: sentences whose conditions are the measured numbers. Here, those about a study.

A sentence says that one network is more accurate than another only where a test has told them apart.
Every number in a sentence stands in its ``numbers``, and changing it changes the sentence.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from cnn_study.analysis.comparisons import POWER, Comparison, StudyComparison
from cnn_study.analysis.statistics import mean_of, parted
from cnn_study.params.study import Control, Study
from cnn_study.report.kit.wording import (
    FAILURES,
    accuracy_within,
    capitalized,
    counted,
    listed,
    named,
    percent,
    points,
    points_within,
    round_percent,
    seconds,
    seconds_within,
    times,
)

CONCLUSIONS = "metrics/conclusions.json"
SUMMARY = "metrics/summary.json"
TIMING = "metrics/timing.json"
GRADIENTS = "plots/data/gradient_norms.csv"
RATES = "plots/data/learning_rates.csv"
REPLAY = "plots/data/replay.csv"
FIELDS = "plots/data/receptive_fields_by_layer.csv"

COSTS = {"train_seconds": "training time", "forward_flops": "FLOPs", "parameters": "parameters"}

Summary = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """A sentence and what it rests on.

    ``about``: a study's key, or gradients, receptive_fields, learning_rate, calibration. ``rule``: the name of
    the rule that chose the sentence. ``numbers``: behind it, by what they are. ``data``: the committed file
    that shows them.
    """

    text: str
    about: str
    rule: str
    numbers: dict[str, Any]
    data: str


@dataclass(frozen=True)
class _Seen:
    """What is known of one study."""

    key: str
    study: Study
    comparison: StudyComparison
    summary: Summary
    timing: Summary

    def name(self, architecture: str) -> str:
        return named(architecture, self.study)

    def accuracy(self, architecture: str) -> dict[str, Any]:
        return mean_of(self.summary[architecture]["test_accuracy"])

    def train_seconds(self, architecture: str) -> dict[str, Any]:
        return mean_of(self.timing[architecture]["train_seconds"])

    def against_baseline(self, architecture: str) -> Comparison | None:
        return next((c for c in self.comparison.against_baseline if c.of == architecture and _measured(c)), None)

    def finding(self, rule: str, text: str, numbers: dict[str, Any], data: str = CONCLUSIONS) -> Finding:
        return Finding(text, self.key, rule, numbers, data)


def of_study(
    study_key: str, study: Study, comparison: StudyComparison, summary: Summary, timing: Summary
) -> list[Finding]:
    """What the study found: the winner and its cost, each member against the baseline, each control, who failed.

    ``summary`` and ``timing``: the objects of metrics/summary.json and timing.json by architecture. Rules whose
    numbers a clock measured have ``data`` metrics/timing.json.
    """
    seen = _Seen(study_key, study, comparison, summary, timing)
    return [
        *_winner(seen),
        *_runner_up(seen),
        *_cost(seen),
        *_classes(seen),
        *_against_baseline(seen),
        *_controls(seen),
        *_not_ranked(seen),
        *_pareto(seen),
    ]


def _measured(comparison: Comparison) -> bool:
    return comparison.points is not None


def _relation(comparison: Comparison) -> str:
    """One of ``better``, ``worse``, ``not_told``: better and worse are told apart by the test."""
    if not comparison.told_apart or not comparison.points:
        return "not_told"
    return "better" if comparison.points > 0 else "worse"


def _compared(comparison: Comparison, of: str, against: str) -> str:
    """``of`` is more accurate than ``against`` (+1.2 [+0.8, +1.5] points, 3 seeds), or whatever the test says."""
    relations = {
        "better": "is more accurate than",
        "worse": "is less accurate than",
        "not_told": "cannot be told from",
    }
    relation = _relation(comparison)
    difference = points_within(comparison.points or 0.0, comparison.interval)
    text = f"{of} {relations[relation]} {against} ({difference}, {counted(comparison.seeds, 'seed')})"
    if relation == "not_told":
        if comparison.interval and not comparison.interval[0] <= 0 <= comparison.interval[1]:
            text += ": its interval leaves out zero, but not once corrected for the number of comparisons"
        text += f"; {_seeds_needed(comparison)}"
    return text


def _seeds_needed(comparison: Comparison) -> str:
    tells = "would tell a difference of one point"
    if comparison.images_forbid:
        return f"no number of seeds {tells} with these test images"
    if comparison.seeds_to_tell is None:
        return f"how many seeds {tells} is not known" + (" with one seed" if comparison.seeds == 1 else "")
    seeds = counted(comparison.seeds_to_tell, "seed")
    return f"{seeds} {tells} in {round_percent(POWER)} of studies, before correction"


def _numbers(comparison: Comparison) -> dict[str, Any]:
    keys = ("of", "against", "seeds", "points", "interval", "told_apart", "seeds_to_tell", "images_forbid")
    found = asdict(comparison)
    return {key: found[key] for key in keys} | {"power": POWER}


def _winner(seen: _Seen) -> list[Finding]:
    ranking, baseline = seen.comparison.ranking, seen.study.baseline
    if not ranking:
        count = len(seen.comparison.not_ranked)
        text = f"None is the most accurate: of {counted(count, 'network')}, none trained."
        return [seen.finding("no_winner", text, {"networks": count})]
    winner = ranking[0]
    numbers: dict[str, Any] = {"winner": winner, "ranked": len(ranking), "test_accuracy": seen.accuracy(winner)}
    reached = accuracy_within(numbers["test_accuracy"])
    of_all = f"of {counted(len(ranking), 'ranked network')}, {reached}"
    if winner == baseline:
        text = f"The baseline {seen.name(winner)} has the highest mean test accuracy {of_all}."
        return [seen.finding("winner_is_baseline", text, numbers)]
    text = f"{seen.name(winner)} has the highest mean test accuracy {of_all}"
    against, name = seen.against_baseline(winner), f"the baseline {seen.name(baseline)}"
    if against is None:
        status = seen.comparison.not_ranked.get(baseline)
        why = f", which {FAILURES[status]}" if status in FAILURES else ""
        text += f"; it is not compared with {name}{why}."
        return [seen.finding("winner_not_compared", text, numbers)]
    rule = {"better": "winner", "worse": "winner_worse", "not_told": "winner_not_told"}[_relation(against)]
    text += f"; {_compared(against, 'it', name)}."
    return [seen.finding(rule, text, numbers | {"against_baseline": _numbers(against)})]


def _runner_up(seen: _Seen) -> list[Finding]:
    if len(seen.comparison.ranking) < 2:
        return []
    first, second = seen.comparison.ranking[:2]
    pair = [
        c
        for c in (*seen.comparison.against_baseline, *seen.comparison.controls)
        if {c.of, c.against} == {first, second} and _measured(c)
    ]
    if pair:
        text = f"Winner and runner-up: {_compared(pair[0], seen.name(pair[0].of), seen.name(pair[0].against))}."
        return [seen.finding("runner_up_tested", text, _numbers(pair[0]))]
    accuracies = {architecture: seen.accuracy(architecture) for architecture in (first, second)}
    ahead = 100 * (accuracies[first]["mean"] - accuracies[second]["mean"])
    reached = listed([accuracy_within(accuracies[architecture]) for architecture in (first, second)])
    text = (
        f"The means of {seen.name(first)} and the runner-up {seen.name(second)}, {reached}, differ by "
        f"{points(ahead)} points; the study does not test this pair, so which is more accurate is not told."
    )
    return [seen.finding("runner_up_not_tested", text, {"points": ahead, "test_accuracy": accuracies})]


def _cost(seen: _Seen) -> list[Finding]:
    against = seen.against_baseline(seen.comparison.ranking[0]) if seen.comparison.ranking else None
    if against is None:
        return []
    ratios = {key: ratio for key in COSTS if (ratio := against.ratios.get(key)) is not None}
    if not ratios:
        return []
    parts = listed([f"{times(ratio)} the {COSTS[key]}" for key, ratio in ratios.items()])
    text = f"{seen.name(against.of)} takes {parts} of the baseline {seen.name(against.against)}"
    numbers: dict[str, Any] = {"of": against.of, "against": against.against, "ratios": ratios}
    if "train_seconds" in ratios:
        of, other = (seen.train_seconds(name) for name in (against.of, against.against))
        apart = parted(of, other) != 0
        numbers |= {"train_seconds": [of, other], "told_apart_in_time": apart}
        text += f"; {_in_time(of, other, apart)}"
    return [seen.finding("winner_cost", f"{text}.", numbers, TIMING)]


def _in_time(of: Mapping[str, Any], against: Mapping[str, Any], apart: bool) -> str:
    pair = f"{seconds_within(of)} and {seconds_within(against)}"
    if apart:
        return f"the intervals of their training times, {pair}, are apart"
    if of["ci95"] and against["ci95"]:
        return f"the two are not told apart in time, since the intervals of {pair} overlap"
    return f"the two are not told apart in time, since {pair} are of one run each"


def _classes(seen: _Seen) -> list[Finding]:
    against = seen.against_baseline(seen.comparison.ranking[0]) if seen.comparison.ranking else None
    if against is None or not against.classes:
        return []
    most = max(against.classes, key=lambda label: against.classes[label])
    least = min(against.classes, key=lambda label: against.classes[label])
    high, low = (f"{label} ({points(against.classes[label])} points)" for label in (most, least))
    gains, loses = against.classes[most] > 0, against.classes[least] < 0
    rule = "classes_both" if gains and loses else "classes_gain" if gains else "classes_lose"
    ends = {
        "classes_both": f"gains most on {high} and loses most on {low}",
        "classes_gain": f"loses on no class; it gains most on {high} and least on {low}",
        "classes_lose": f"gains on no class; it loses most on {low} and least on {high}",
    }
    text = (
        f"Against the baseline {seen.name(against.against)}, {seen.name(against.of)} {ends[rule]}; "
        f"these are means over {counted(against.seeds, 'seed')}, and single classes are not tested."
    )
    numbers = {"of": against.of, "against": against.against, "seeds": against.seeds, "classes": against.classes}
    return [seen.finding(rule, text, numbers)]


def _against_baseline(seen: _Seen) -> list[Finding]:
    """But for the winner and for what a control asks, of which there are sentences already."""
    told = {(control.of, control.against) for control in seen.study.controls}
    told |= {(name, seen.study.baseline) for name in seen.comparison.ranking[:1]}
    found = []
    for comparison in filter(_measured, seen.comparison.against_baseline):
        if (comparison.of, comparison.against) in told:
            continue
        name = f"the baseline {seen.name(comparison.against)}"
        text = f"{_compared(comparison, seen.name(comparison.of), name)}."
        found.append(seen.finding(f"baseline_{_relation(comparison)}", text, _numbers(comparison)))
    return found


def _controls(seen: _Seen) -> list[Finding]:
    measured = {(c.of, c.against): c for c in seen.comparison.controls if _measured(c)}
    found = []
    for control in seen.study.controls:
        asked = capitalized(control.question)
        if (comparison := measured.get((control.of, control.against))) is None:
            found.append(_unanswered(seen, control, asked))
            continue
        text = f"{asked}: {_compared(comparison, seen.name(comparison.of), seen.name(comparison.against))}."
        numbers = {"question": control.question} | _numbers(comparison)
        found.append(seen.finding(f"control_{_relation(comparison)}", text, numbers))
    return found


def _unanswered(seen: _Seen, control: Control, asked: str) -> Finding:
    pair = (control.of, control.against)
    statuses = {name: seen.summary[name]["status"] for name in pair if name in seen.summary}
    failed = [f"{seen.name(name)} {FAILURES[status]}" for name, status in statuses.items() if status in FAILURES]
    why = listed(failed) or f"{seen.name(control.of)} and {seen.name(control.against)} are not compared"
    numbers = {"question": control.question, "statuses": statuses}
    return seen.finding("control_not_measured", f"{asked}: not measured, since {why}.", numbers)


def _not_ranked(seen: _Seen) -> list[Finding]:
    found = []
    for member, status in seen.comparison.not_ranked.items():
        runs = seen.summary[member]["statuses"]
        failed = {kind: runs.count(kind) for kind in FAILURES if kind in runs}
        parts = [f"{count} of {counted(len(runs), 'run')} {FAILURES[kind]}" for kind, count in failed.items()]
        text = f"{seen.name(member)} is not ranked: {listed(parts)}."
        numbers = {"of": member, "status": status, "runs": len(runs), "failed": failed}
        found.append(seen.finding("not_ranked", text, numbers, SUMMARY))
    return found


def _pareto(seen: _Seen) -> list[Finding]:
    front = seen.comparison.pareto
    if not front:
        return []
    means = {
        name: {"train_seconds": seen.train_seconds(name), "test_accuracy": seen.accuracy(name)} for name in front
    }
    parts = [
        f"{seen.name(name)} ({seconds(found['train_seconds']['mean'])}, {percent(found['test_accuracy']['mean'])})"
        for name, found in means.items()
    ]
    text = (
        f"The Pareto front of mean training time and mean test accuracy is {listed(parts)}: every other ranked "
        "network is matched or beaten in both means by one of these"
    )
    unclear: set[str] = set()
    for pair in pairwise(front):
        if not parted(*(means[name]["train_seconds"] for name in pair)):
            unclear.update(pair)
    numbers = {"front": means, "not_told_in_time": [name for name in front if name in unclear]}
    if unclear:
        names = listed([seen.name(name) for name in numbers["not_told_in_time"]])
        text += f"; not told apart in time from a neighbour on it: {names}"
    elif len(front) > 1:
        text += "; the intervals of time of neighbours on it are apart"
    return [seen.finding("pareto", f"{text}.", numbers, TIMING)]
