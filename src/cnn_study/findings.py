"""Conclusions by rule: sentences whose conditions are the measured numbers.

A sentence says that one network is more accurate than another only where a test has told them apart.
Every number in a sentence stands in its ``numbers``, and changing it changes the sentence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cnn_study.comparisons import Comparison, StudyComparison
from cnn_study.params import Control, Study
from cnn_study.spec import IMAGE_SIZE

# The first convolution's gradient norm over the last one's. A factor of ten either way, since layers of
# different sizes have norms that differ several-fold with nothing wrong.
VANISHING = 0.1  # below
EXPLODING = 10.0  # above
# The norms come from a sample of an epoch's steps: a ratio that changes by less than this factor stays.
STEADY = 1.25

CONCLUSIONS = "metrics/conclusions.json"
SUMMARY = "metrics/summary.json"
TIMING = "metrics/timing.json"
GRADIENTS = "plots/data/gradient_norms.csv"
RATES = "plots/data/learning_rates.csv"
REPLAY = "plots/data/replay.csv"

FAILURES = {"collapsed": "collapsed (stayed at chance)", "diverged": "diverged (the loss was not finite)"}
COSTS = {"train_seconds": "training time", "forward_flops": "FLOPs", "parameters": "parameters"}

Studies = Mapping[str, Study]
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


# How numbers and names are written.


def points(difference: float) -> str:
    """A difference in percentage points, signed: +0.3."""
    return f"{round(difference, 1) + 0.0:+.1f}"  # adding 0.0 makes -0.0 positive


def points_within(difference: float, interval: tuple[float, float] | None) -> str:
    """With its 95 % interval: +0.3 [-0.1, +0.7] points."""
    within = "" if interval is None else f" [{points(interval[0])}, {points(interval[1])}]"
    return f"{points(difference)}{within} points"


def percent(fraction: float) -> str:
    """A fraction as 82.1 %."""
    return f"{100 * fraction:.1f} %"


def accuracy_within(accuracy: Mapping[str, Any]) -> str:
    """A mean with its 95 % interval, ``{"mean", "ci95"}`` as fractions: 82.1 % [81.9, 82.3]."""
    ci95 = accuracy["ci95"]
    return percent(accuracy["mean"]) + ("" if ci95 is None else f" [{100 * ci95[0]:.1f}, {100 * ci95[1]:.1f}]")


def times(ratio: float) -> str:
    """A ratio: 12×, 1.6×, 0.62×, 0.031×."""
    return f"{ratio:.0f}×" if ratio >= 10 else f"{ratio:.1f}×" if ratio >= 1 else f"{ratio:#.2g}×"


def seconds(duration: float) -> str:
    """A duration: 52 s, 5.2 s."""
    return f"{duration:.0f} s" if duration >= 10 else f"{duration:.1f} s"


def seconds_within(duration: Mapping[str, Any]) -> str:
    """A mean with its 95 % interval, ``{"mean", "ci95"}`` in seconds: 52 s [46 s, 58 s]."""
    ci95 = duration["ci95"]
    return seconds(duration["mean"]) + ("" if ci95 is None else f" [{seconds(ci95[0])}, {seconds(ci95[1])}]")


def counted(count: int, noun: str) -> str:
    """1 seed, 3 seeds."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(parts: Sequence[str]) -> str:
    """A, B and C."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def quoted(name: str) -> str:
    """A name; in quotation marks where its comma would tear the sentence apart."""
    return f"“{name}”" if "," in name else name


def shown(architecture: str, studies: Studies) -> str:
    """The names that the studies show for it: 3×3 (also 2 layers); its own where none names it."""
    members = [study.members[architecture] for study in studies.values() if architecture in study.members]
    first, *others = [quoted(name) for name in dict.fromkeys(members)] or [architecture]
    return f"{first} (also {listed(others)})" if others else first


# A study.


@dataclass(frozen=True)
class _Seen:
    """What is known of one study."""

    key: str
    study: Study
    comparison: StudyComparison
    summary: Summary
    timing: Summary

    def name(self, architecture: str) -> str:
        return quoted(self.study.members.get(architecture, architecture))

    def accuracy(self, architecture: str) -> dict[str, Any]:
        found = self.summary[architecture]["test_accuracy"]
        return {"mean": found["mean"], "ci95": found["ci95"]}

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
        if comparison.seeds_to_tell is None:
            text += "; how many seeds would tell a difference of one point is not known"
        else:
            text += f"; {counted(comparison.seeds_to_tell, 'seed')} would tell a difference of one point"
    return text


def _numbers(comparison: Comparison) -> dict[str, Any]:
    keys = ("of", "against", "seeds", "points", "interval", "told_apart", "seeds_to_tell")
    return {key: getattr(comparison, key) for key in keys}


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
    text = f"{seen.name(against.of)} takes {parts} of the baseline {seen.name(against.against)}."
    numbers = {"of": against.of, "against": against.against, "ratios": ratios}
    return [seen.finding("winner_cost", text, numbers, TIMING)]


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
    found = []
    for comparison in filter(_measured, seen.comparison.against_baseline):
        name = f"the baseline {seen.name(comparison.against)}"
        text = f"{_compared(comparison, seen.name(comparison.of), name)}."
        found.append(seen.finding(f"baseline_{_relation(comparison)}", text, _numbers(comparison)))
    return found


def _controls(seen: _Seen) -> list[Finding]:
    measured = {(c.of, c.against): c for c in seen.comparison.controls if _measured(c)}
    found = []
    for control in seen.study.controls:
        asked = control.question[0].upper() + control.question[1:]
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
    if not seen.comparison.pareto:
        return []
    numbers = {
        architecture: {
            "train_seconds": seen.timing[architecture]["train_seconds"]["mean"],
            "test_accuracy": seen.accuracy(architecture)["mean"],
        }
        for architecture in seen.comparison.pareto
    }
    parts = [
        f"{seen.name(name)} ({seconds(found['train_seconds'])}, {percent(found['test_accuracy'])})"
        for name, found in numbers.items()
    ]
    text = (
        f"By mean training time and mean test accuracy, the Pareto front is {listed(parts)}: "
        "every other ranked network is matched or beaten in both by one of these."
    )
    return [seen.finding("pareto", text, numbers, TIMING)]


# Gradients.


def first_over_last(gradients: pd.DataFrame) -> pd.DataFrame:
    """``ratio`` of the first convolution's gradient norm to the last one's by ``architecture`` and ``epoch``.

    ``gradients``: ``architecture``, ``epoch``, ``layer``, ``depth``, ``gradient_norm``. Projections are beside
    the way from last to first and do not count. Architectures with one convolution are left out; the ratio is
    missing where the last norm is 0.
    """
    keys = ["architecture", "epoch"]
    convolutions = gradients[gradients["layer"].str.contains("conv")].sort_values("depth", kind="stable")
    first = convolutions.drop_duplicates(keys, keep="first").set_index(keys)
    last = convolutions.drop_duplicates(keys, keep="last").set_index(keys).loc[first.index]
    ratio = first["gradient_norm"] / last["gradient_norm"].where(last["gradient_norm"] > 0)
    return ratio[first["depth"] < last["depth"]].rename("ratio").reset_index()


def of_gradients(gradients: pd.DataFrame, studies: Studies, summary: Summary) -> list[Finding]:
    """Whether the gradient of each trained network vanishes or explodes, and how that changes over epochs.

    ``gradients``: plots/data/gradient_norms.csv, means over seeds, as ``first_over_last`` takes it.
    """
    ratios = first_over_last(gradients).dropna()
    found, ends = [], {}
    for architecture, rows in ratios.groupby("architecture", sort=False):
        entry = summary.get(str(architecture), {})
        if entry.get("status") != "trained":
            continue
        rows = rows.sort_values("epoch")
        finding = _flow(str(architecture), rows, shown(str(architecture), studies), len(entry["seeds"]))
        ends[str(architecture)] = finding.numbers["ratio"]
        found.append(finding)
    return ([_flows(ends, studies)] if ends else []) + found


def _kind(ratio: float) -> str:
    return "vanishing" if ratio < VANISHING else "exploding" if ratio > EXPLODING else "neither"


def _flow(architecture: str, rows: pd.DataFrame, name: str, seeds: int) -> Finding:
    first, last = (float(rows["ratio"].iloc[end]) for end in (0, -1))
    first_epoch, last_epoch = (int(rows["epoch"].iloc[end]) for end in (0, -1))
    numbers: dict[str, Any] = {"of": architecture, "seeds": seeds, "epoch": last_epoch, "ratio": last}
    kind = _kind(last)
    says = {
        "vanishing": f"vanishes (below {times(VANISHING)})",
        "exploding": f"explodes (above {times(EXPLODING)})",
        "neither": f"neither vanishes (below {times(VANISHING)}) nor explodes (above {times(EXPLODING)})",
    }
    text = (
        f"{name}: in epoch {last_epoch} the first convolution's gradient norm is {times(last)} the last one's "
        f"(mean over {counted(seeds, 'seed')}), so that the gradient {says[kind]}"
    )
    if first_epoch < last_epoch:
        direction = "rises" if last >= STEADY * first else "falls" if last <= first / STEADY else "stays"
        numbers |= {"first_epoch": first_epoch, "first_ratio": first, "direction": direction}
        text += f"; from {times(first)} in epoch {first_epoch} it {direction}"
    numbers["thresholds"] = [VANISHING, EXPLODING]
    return Finding(f"{text}.", "gradients", f"gradient_{kind}", numbers, GRADIENTS)


def _flows(ends: Mapping[str, float], studies: Studies) -> Finding:
    low, high = min(ends, key=lambda name: ends[name]), max(ends, key=lambda name: ends[name])
    counts = {kind: sum(_kind(ratio) == kind for ratio in ends.values()) for kind in ("vanishing", "exploding")}
    text = (
        f"In the last epoch the gradient vanishes in {counts['vanishing']} and explodes in {counts['exploding']} "
        f"of {counted(len(ends), 'network')}: the first convolution's gradient norm over the last one's is "
        f"least in {shown(low, studies)}, {times(ends[low])}, and greatest in {shown(high, studies)}, "
        f"{times(ends[high])}."
    )
    numbers = counts | {"networks": len(ends), "ratios": dict(ends)}
    return Finding(text, "gradients", "gradient_range", numbers, GRADIENTS)


# Receptive fields.


def of_fields(summary: Summary, studies: Studies) -> list[Finding]:
    """How much of the image a unit of the last feature map can see, and how much of that it uses."""
    found = []
    for architecture, entry in summary.items():
        field = entry["receptive_field"]
        theoretical, effective = field["theoretical"], field["effective"]
        share = min(theoretical, IMAGE_SIZE) ** 2 / IMAGE_SIZE**2
        numbers = {"of": architecture, "image": IMAGE_SIZE, "share": share} | field
        extent = f"{percent(share)} of the area" if theoretical < IMAGE_SIZE else "no less than that"
        text = (
            f"{shown(architecture, studies)}: the theoretical receptive field has a side of {theoretical} pixels, "
            f"{extent} of the {IMAGE_SIZE}×{IMAGE_SIZE} image"
        )
        if effective is None:
            rule = "field_unused"
            text += "; there is no effective one, since no pixel moves the unit."
        elif effective < theoretical:
            rule = "field_smaller"
            numbers |= {"smaller_by": theoretical - effective, "ratio": effective / theoretical}
            smaller = counted(numbers["smaller_by"], "pixel")
            text += f"; the effective one has {effective}, {smaller} less or {times(numbers['ratio'])} as much."
        else:
            rule = "field_whole"
            text += f"; the effective one is no smaller, {effective} pixels."
        found.append(Finding(text, "receptive_fields", rule, numbers, SUMMARY))
    return found


# Learning rates.


def of_rates(learning_rates: pd.DataFrame, studies: Studies) -> list[Finding]:
    """Where the architectures have their best learning rates, and whose lies at the edge of the search.

    ``learning_rates``: plots/data/learning_rates.csv: ``architecture``, ``learning_rate``, ``status``,
    ``validation_accuracy``, ``chosen``.
    """
    best = learning_rates[learning_rates["chosen"] & (learning_rates["status"] == "trained")]
    if best.empty:
        return []
    found = [_best_rates(best, studies)]
    for architecture, rate in found[0].numbers["rates"].items():
        tried = learning_rates.loc[learning_rates["architecture"] == architecture, "learning_rate"]
        found += _at_edge(architecture, rate, sorted(tried.tolist()), studies)
    return found


def _best_rates(best: pd.DataFrame, studies: Studies) -> Finding:
    rates = {
        str(name): float(rate) for name, rate in zip(best["architecture"], best["learning_rate"], strict=True)
    }
    low, high = min(rates.values()), max(rates.values())
    parts = [
        f"{rate:g} for {listed([shown(name, studies) for name in rates if rates[name] == rate])}"
        for rate in sorted(set(rates.values()))
    ]
    numbers = {"rates": rates, "factor": high / low}
    runs = "by one short run for each rate"
    if low == high:
        text = f"Every network has the same best learning rate {runs}: {parts[0]}."
        return Finding(text, "learning_rate", "rates_agree", numbers, RATES)
    text = f"The best learning rates, {runs}, span a factor of {times(high / low)}: {'; '.join(parts)}."
    return Finding(text, "learning_rate", "rates_differ", numbers, RATES)


def _at_edge(architecture: str, rate: float, tried: Sequence[float], studies: Studies) -> list[Finding]:
    if rate not in (tried[0], tried[-1]):
        return []
    where = "highest" if rate == tried[-1] else "lowest"
    text = (
        f"{shown(architecture, studies)}: the best learning rate found, {rate:g}, is the {where} of {len(tried)} "
        "tried, so that a better one may lie beyond."
    )
    numbers = {"of": architecture, "learning_rate": rate, "lowest": tried[0], "highest": tried[-1]}
    return [Finding(text, "learning_rate", "rate_at_edge", numbers | {"tried": len(tried)}, RATES)]


def of_replay(replay: pd.DataFrame, studies: Studies, own: float) -> list[Finding]:
    """What one recipe gives at each of its rates; ``own``: the rate that a report used for all networks.

    ``replay``: plots/data/replay.csv: ``architecture``, ``learning_rate``, ``seed``, ``status``,
    ``validation_accuracy``.
    """
    found = []
    for rate, rows in replay.groupby("learning_rate"):
        means = _means_of_trained(rows)
        failed = rows[rows["status"] != "trained"].groupby("architecture", sort=False).size()
        numbers: dict[str, Any] = {"rate": float(str(rate)), "own": own, "runs": len(rows)}
        numbers |= {"failed": {str(name): int(count) for name, count in failed.items()}, "means": means}
        at = f"the report's rate, {rate:g}" if np.isclose(float(str(rate)), own) else f"a rate of {rate:g}"
        text = f"With the report's recipe at {at}, {int(failed.sum())} of {len(rows)} runs did not train"
        if len(failed):
            parts = [f"{shown(name, studies)}: {count}" for name, count in numbers["failed"].items()]
            text += f" ({listed(parts)})"
        if means:
            ranked = sorted(means, key=lambda name: -means[name])
            order = listed([f"{shown(name, studies)} {percent(means[name])}" for name in ranked])
            text += f"; mean validation accuracies of those that did: {order}"
        found.append(Finding(f"{text}.", "learning_rate", "replay", numbers, REPLAY))
    return found


def _means_of_trained(rows: pd.DataFrame) -> dict[str, float]:
    trained = rows[rows["status"] == "trained"]
    means = trained.groupby("architecture", sort=False)["validation_accuracy"].mean()
    return {str(name): float(mean) for name, mean in means.items()}


# Calibration.


def of_calibration(calibration: Mapping[str, float], studies: Studies) -> list[Finding]:
    """Whose confidence is nearest to its accuracy: expected calibration errors, fractions 0-1."""
    if not calibration:
        return []
    errors = sorted(calibration, key=lambda name: calibration[name])
    numbers = {"errors": dict(calibration), "networks": len(errors)}
    best, worst = (f"{shown(name, studies)} ({percent(calibration[name])})" for name in (errors[0], errors[-1]))
    if len(errors) == 1:
        text, rule = f"The expected calibration error is that of {best}.", "calibration_of_one"
    else:
        text = (
            f"Of {counted(len(errors), 'network')}, {best} has the smallest expected calibration error and "
            f"{worst} the largest; these differences are not tested."
        )
        rule = "calibration"
    return [Finding(text, "calibration", rule, numbers, CONCLUSIONS)]
