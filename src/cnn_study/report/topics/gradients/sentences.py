"""What is said of gradients."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cnn_study.analysis.results import Summary
from cnn_study.params.study import Control, Study
from cnn_study.report.kit.findings import Finding
from cnn_study.report.kit.wording import Studies, capitalized, counted, named, shown, times
from cnn_study.report.topics.gradients.tables import NORMS, first_over_last

# The first convolution's gradient norm over the last one's. A factor of ten either way, since layers of
# different sizes have norms that differ several-fold with nothing wrong.
VANISHING = 0.1  # below
EXPLODING = 10.0  # above
# The norms come from a sample of an epoch's steps: a ratio that changes by less than this factor stays.
STEADY = 1.25


def gradient_findings(gradients: pd.DataFrame, studies: Studies, summary: Mapping[str, Summary]) -> list[Finding]:
    """Whether gradients vanish or explode: in all, what each control does to them, then network by network.

    ``gradients``: plots/data/gradient_norms.csv, means over seeds, as ``first_over_last`` takes it.
    Only networks that trained are spoken of.
    """
    ratios = first_over_last(gradients).dropna()
    flows, ends = [], {}
    for architecture, rows in ratios.groupby("architecture", sort=False):
        entry = summary.get(str(architecture))
        if entry is None or entry.status != "trained":
            continue
        rows = rows.sort_values("epoch")
        finding = _flow(str(architecture), rows, shown(str(architecture), studies), len(entry.seeds))
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
    return Finding(f"{text}.", "gradients", f"gradient_{kind}", numbers, NORMS)


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
    return Finding(text, "gradients", "gradient_range", numbers, NORMS)


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
    return Finding(text, "gradients", f"gradient_control_{rule}", numbers, NORMS)
