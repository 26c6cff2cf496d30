"""Conclusions by rule about all networks: receptive fields, gradients, learning rates, calibration.

Like those about a study, each sentence has its numbers with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cnn_study.data.shape import IMAGE_SIZE
from cnn_study.params.study import Control, Study
from cnn_study.report.findings import CONCLUSIONS, FIELDS, GRADIENTS, RATES, REPLAY, Finding, Summary
from cnn_study.report.kit.wording import (
    FAILURES,
    Studies,
    capitalized,
    counted,
    listed,
    named,
    percent,
    rate,
    shown,
    times,
)
from cnn_study.report.tables import first_over_last

# The first convolution's gradient norm over the last one's. A factor of ten either way, since layers of
# different sizes have norms that differ several-fold with nothing wrong.
VANISHING = 0.1  # below
EXPLODING = 10.0  # above
# The norms come from a sample of an epoch's steps: a ratio that changes by less than this factor stays.
STEADY = 1.25


# Receptive fields.


def of_fields(fields: pd.DataFrame, summary: Summary, studies: Studies) -> list[Finding]:
    """Whose effective field training changes most; then how much each network can see, and how much it uses.

    ``fields``: plots/data/receptive_fields_by_layer.csv, of which each architecture's last layer counts;
    ``summary``: the objects of metrics/summary.json by architecture. Only networks that trained are ranked.
    """
    deepest = fields.sort_values("depth", kind="stable").drop_duplicates("architecture", keep="last")
    rows = {str(row["architecture"]): row for row in deepest.sort_index().to_dict("records")}
    changes = {
        name: int(row["effective_trained"]) - int(row["effective_untrained"])
        for name, row in rows.items()
        if summary[name]["status"] == "trained"
        and not pd.isna(row["effective_trained"])
        and not pd.isna(row["effective_untrained"])
    }
    found = [_field(name, row, summary[name]["statuses"], shown(name, studies)) for name, row in rows.items()]
    return ([_field_changes(changes, studies)] if changes else []) + found


def _field_changes(changes: Mapping[str, int], studies: Studies) -> Finding:
    most, least = max(changes.values()), min(changes.values())

    def changed(verb: str, change: int) -> str:
        names = listed([shown(name, studies) for name in changes if changes[name] == change])
        return f"{verb} most in {names}, by {counted(abs(change), 'pixel')}"

    parts = [changed("grows", most) if most > 0 else "grows in none"]
    parts.append(changed("shrinks", least) if least < 0 else "shrinks in none")
    rule = "fields_change" if most > 0 or least < 0 else "fields_stay"
    text = (
        f"With training, in one run of each of {counted(len(changes), 'network')}, the side of the effective "
        f"field {', and '.join(parts)}."
    )
    numbers = {"networks": len(changes), "changes": dict(changes), "largest": [abs(most), abs(least)]}
    return Finding(text, "receptive_fields", rule, numbers, FIELDS)


def _field(architecture: str, row: Mapping[Any, Any], statuses: Sequence[str], name: str) -> Finding:
    """``row``: the last layer's; ``statuses``: those of the architecture's runs."""
    theoretical, share = int(row["theoretical"]), float(row["theoretical_share"])
    visible = round(share**0.5 * IMAGE_SIZE)  # the side of what can be seen, which is a square
    before, after = (
        None if pd.isna(row[key]) else int(row[key]) for key in ("effective_untrained", "effective_trained")
    )
    # That of the network which was looked into: the first run that trained, else the first that collapsed.
    run = next((status for status in ("trained", "collapsed") if status in statuses), "diverged")
    numbers: dict[str, Any] = {"of": architecture, "theoretical": theoretical, "visible": visible, "share": share}
    numbers |= {"effective_untrained": before, "effective_trained": after, "run": run}
    rule, used = _used(before, after, visible, run)
    if rule == "field_smaller" and after is not None:
        numbers["smaller_by"] = visible - after
    clipped = f" (of a theoretical side of {theoretical})" if visible < theoretical else ""
    text = (
        f"{name}: the central unit of the last layer can see {visible}×{visible} pixels, {percent(share)} of the "
        f"image{clipped}; {used}."
    )
    return Finding(text, "receptive_fields", rule, numbers, FIELDS)


def _used(before: int | None, after: int | None, visible: int, run: str) -> tuple[str, str]:
    """The rule, and what it says of the sides of the effective field before and after training."""
    side = "its effective field has a side of"
    none = "no pixel moves it"
    text = f"before training {none}" if before is None else f"{side} {counted(before, 'pixel')} before training"
    if run == "diverged":
        return "field_no_network", f"{text}; there is no network after it, since every run {FAILURES[run]}"
    of_run = "in one run" if run == "trained" else f"in a run that {FAILURES[run]}"
    if after is None:
        return "field_unused", f"{text}; after it, {of_run}, {none}"
    text += f"; after it {side} {counted(after, 'pixel')}" if before is None else f" and of {after} after it"
    if after < visible:
        return "field_smaller", f"{text} {of_run}, {visible - after} less than it can see"
    return "field_whole", f"{text} {of_run}, no less than it can see"


# Gradients.


def of_gradients(gradients: pd.DataFrame, studies: Studies, summary: Summary) -> list[Finding]:
    """Whether gradients vanish or explode: in all, what each control does to them, then network by network.

    ``gradients``: plots/data/gradient_norms.csv, means over seeds, as ``tables.first_over_last`` takes it.
    Only networks that trained are told of.
    """
    ratios = first_over_last(gradients).dropna()
    flows, ends = [], {}
    for architecture, rows in ratios.groupby("architecture", sort=False):
        entry = summary.get(str(architecture), {})
        if entry.get("status") != "trained":
            continue
        rows = rows.sort_values("epoch")
        finding = _flow(str(architecture), rows, shown(str(architecture), studies), len(entry["seeds"]))
        ends[str(architecture)] = finding.numbers["ratio"]
        flows.append(finding)
    if not ends:
        return []
    controls = [
        _controlled(control, study, ends)
        for study in studies.values()
        for control in study.controls
        if control.of in ends and control.against in ends
    ]
    return [_flows(ends, studies), *controls, *flows]


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


def _controlled(control: Control, study: Study, ends: Mapping[str, float]) -> Finding:
    """What the one thing in which a pair differs does to the ratio of the last epoch."""
    of, against = ends[control.of], ends[control.against]
    rule = "leaves" if against / STEADY < of < against * STEADY else "raises" if of > against else "lowers"
    says = {
        "raises": "it raises this ratio",
        "lowers": "it lowers this ratio",
        "leaves": "it leaves this ratio about as it is",
    }
    text = (
        f"{capitalized(control.question)}: in the last epoch the first convolution's gradient norm is {times(of)} "
        f"the last one's in {named(control.of, study)} and {times(against)} in {named(control.against, study)}; "
        f"{says[rule]} (by means over seeds, not tested)."
    )
    numbers: dict[str, Any] = {"question": control.question, "steady": STEADY}
    numbers |= {"ratios": {control.of: of, control.against: against}}
    return Finding(text, "gradients", f"gradient_control_{rule}", numbers, GRADIENTS)


# Learning rates.


def of_rates(learning_rates: pd.DataFrame, summary: Summary, studies: Studies) -> list[Finding]:
    """Where the architectures have their best learning rates, and whose lies at the edge of the search.

    ``learning_rates``: plots/data/learning_rates.csv: ``architecture``, ``learning_rate``, ``status``,
    ``validation_accuracy``, ``chosen``. ``summary`` has all architectures, those with a fixed rate as well.
    """
    if learning_rates.empty:
        return []
    best = learning_rates[learning_rates["chosen"] & (learning_rates["status"] == "trained")]
    rates = {
        str(name): float(found) for name, found in zip(best["architecture"], best["learning_rate"], strict=True)
    }
    searched = [str(name) for name in learning_rates["architecture"].unique()]
    found = [_best_rates(rates, searched, len(summary), studies)]
    for architecture, chosen in rates.items():
        tried = learning_rates.loc[learning_rates["architecture"] == architecture, "learning_rate"]
        found += _at_edge(architecture, chosen, sorted(tried.tolist()), studies)
    return found


def _best_rates(rates: Mapping[str, float], searched: Sequence[str], networks: int, studies: Studies) -> Finding:
    unknown = [name for name in searched if name not in rates]
    numbers: dict[str, Any] = {"networks": networks, "searched": len(searched)}
    numbers |= {"rates": dict(rates), "none_trained": unknown}
    text = (
        f"The learning rate was searched for {len(searched)} of {counted(networks, 'network')}, by one short run "
        "for each rate; "
    )
    if unknown:
        text += f"none that trains was found for {listed([shown(name, studies) for name in unknown])}; "
    parts = [
        f"{rate(value)} for {listed([shown(name, studies) for name in rates if rates[name] == value])}"
        for value in sorted(set(rates.values()))
    ]
    if len(parts) == 1 and len(rates) == networks:
        rule, says = "rates_agree", f"every network has the same best one: {parts[0]}"
    elif len(parts) == 1:
        rule, says = "rates_agree", f"the best ones found are the same: {parts[0]}"
    elif parts:
        numbers["factor"] = max(rates.values()) / min(rates.values())
        span = f"span a factor of {times(numbers['factor'])}"
        rule, says = "rates_differ", f"the best ones found {span}: {'; '.join(parts)}"
    else:
        rule, says = "rates_unknown", "so there is no best one"
    return Finding(f"{text}{says}.", "learning_rate", rule, numbers, RATES)


def _at_edge(architecture: str, chosen: float, tried: Sequence[float], studies: Studies) -> list[Finding]:
    if chosen not in (tried[0], tried[-1]):
        return []
    where = "highest" if chosen == tried[-1] else "lowest"
    text = (
        f"{shown(architecture, studies)}: the best learning rate found, {rate(chosen)}, is the {where} of "
        f"{len(tried)} tried, so that a better one may lie beyond."
    )
    numbers = {"of": architecture, "learning_rate": chosen, "lowest": tried[0], "highest": tried[-1]}
    return [Finding(text, "learning_rate", "rate_at_edge", numbers | {"tried": len(tried)}, RATES)]


# The report's recipe, replayed.


@dataclass(frozen=True)
class _Replay:
    """Runs of ``epochs`` on ``images``, by learning rate; ``own`` is the report's."""

    by_rate: dict[float, pd.DataFrame]
    studies: Studies
    own: float
    epochs: int
    images: int

    @property
    def length(self) -> str:
        return f"{counted(self.epochs, 'epoch')} on {counted(self.images, 'image')}"

    def finding(self, rule: str, text: str, numbers: dict[str, Any]) -> Finding:
        numbers = {"own": self.own, "epochs": self.epochs, "images": self.images} | numbers
        return Finding(text, "learning_rate", rule, numbers, REPLAY)


def of_replay(replay: pd.DataFrame, studies: Studies, own: float, epochs: int, images: int) -> list[Finding]:
    """What one recipe gives at each of its rates, then whether its own rate decides the order of networks.

    ``replay``: plots/data/replay.csv: ``architecture``, ``learning_rate``, ``seed``, ``status``,
    ``validation_accuracy``, of runs of ``epochs`` on ``images``. ``own``: the rate that a report used for all
    networks. There is no order to tell of where only one network or rate was tried, or nothing trained.
    """
    by_rate = {float(str(value)): rows for value, rows in replay.groupby("learning_rate")}
    seen = _Replay(by_rate, studies, own, epochs, images)
    return [_at_rate(value, rows, seen) for value, rows in by_rate.items()] + _orders(replay, seen)


def _at_rate(learning_rate: float, rows: pd.DataFrame, seen: _Replay) -> Finding:
    means = _means_of_trained(rows)
    failed = rows[rows["status"] != "trained"].groupby("architecture", sort=False).size()
    numbers: dict[str, Any] = {"rate": learning_rate, "runs": len(rows), "failures": int(failed.sum())}
    numbers |= {"failed": {str(name): int(count) for name, count in failed.items()}, "means": means}
    at = "the report's rate," if np.isclose(learning_rate, seen.own) else "a rate of"
    text = (
        f"With the report's recipe at {at} {rate(learning_rate)}, {numbers['failures']} of "
        f"{counted(len(rows), 'run')} of {seen.length} did not train"
    )
    if len(failed):
        parts = [f"{shown(name, seen.studies)}: {count}" for name, count in numbers["failed"].items()]
        text += f" ({listed(parts)})"
    if means:
        order = [f"{shown(name, seen.studies)} {percent(means[name])}" for name in _ordered(means)]
        text += f"; mean validation accuracies of those that did: {listed(order)}"
    return seen.finding("replay", f"{text}.", numbers)


def _orders(replay: pd.DataFrame, seen: _Replay) -> list[Finding]:
    """The order at the report's rate beside that with each network at its best rate, by runs that trained."""
    at_own = next((rows for value, rows in seen.by_rate.items() if np.isclose(value, seen.own)), None)
    names = [str(name) for name in replay["architecture"].unique()]
    rates = _best_rates_of(seen.by_rate)
    if at_own is None or len(seen.by_rate) < 2 or len(names) < 2 or not rates:
        return []
    means, best = _means_of_trained(at_own), {name: mean for name, (_, mean) in rates.items()}
    differ = _ordered(means) != _ordered(best)
    own_remarks = {name: percent(mean) for name, mean in means.items()}
    best_remarks = {name: f"{percent(mean)} (at {rate(value)})" for name, (value, mean) in rates.items()}
    text = (
        f"In these short runs, of {seen.length}, the order by mean validation accuracy at the report's rate, "
        f"{rate(seen.own)}, is {_order(means, own_remarks, names, seen)}; with each network at its best of "
        f"{len(seen.by_rate)} rates it is {_order(best, best_remarks, names, seen)}. The two orders "
        f"{'differ' if differ else 'are the same'}: here the rates alone "
        f"{'change' if differ else 'do not change'} the order; differences are not tested."
    )
    numbers: dict[str, Any] = {"rates": len(seen.by_rate), "means_at_own": means, "best_means": best}
    numbers["best_rates"] = {name: value for name, (value, _) in rates.items()}
    numbers["failed_at_own"] = [name for name in names if name not in means]
    return [seen.finding("replay_orders_differ" if differ else "replay_orders_agree", text, numbers)]


def _best_rates_of(by_rate: Mapping[float, pd.DataFrame]) -> dict[str, tuple[float, float]]:
    """By architecture, the rate with the highest mean validation accuracy, and that."""
    best: dict[str, tuple[float, float]] = {}
    for value, rows in by_rate.items():
        for name, mean in _means_of_trained(rows).items():
            if name not in best or mean > best[name][1]:
                best[name] = value, mean
    return best


def _order(means: Mapping[str, float], remarks: Mapping[str, str], names: Sequence[str], seen: _Replay) -> str:
    """The networks from best to worst, each with its remark, then those of ``names`` that have no mean."""
    parts = listed([f"{shown(name, seen.studies)} {remarks[name]}" for name in _ordered(means)])
    failed = [shown(name, seen.studies) for name in names if name not in means]
    return (parts or "that of no network") + (f" (no run of {listed(failed)} trained)" if failed else "")


def _ordered(means: Mapping[str, float]) -> list[str]:
    return sorted(means, key=lambda name: -means[name])


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
