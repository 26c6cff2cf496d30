"""What is said of gradients."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cnn_study.analysis.summaries import Summary
from cnn_study.params.study import Control, Study
from cnn_study.report.kit.findings import Finding
from cnn_study.report.kit.wording import Studies, counted, named, times, with_status
from cnn_study.report.topics.gradients.tables import NORMS, first_over_last

# The first convolution's gradient norm over the last one's, if the gradient is to be called vanishing (or, turned
# over, exploding): less than a tenth, since layers of different sizes have norms that differ several-fold with
# nothing wrong; and less than half its variance for each layer that it passes, which is what stops plain networks
# of 30 layers from training (Xavier's initialisation with ReLUs: He et al., 2015, arXiv 1502.01852, section 2.2).
# Up to 7 convolutions the first bound is the lower one.
FACTOR = 10.0
VARIANCE_FACTOR = 2.0
# The norms come from a sample of an epoch's steps: a ratio that changes by less than this factor stays.
STEADY = 1.25


def gradient_findings(gradients: pd.DataFrame, studies: Studies, summary: Mapping[str, Summary]) -> list[Finding]:
    """Whether gradients vanish or explode: in all, what each control does to them, then network by network.

    ``gradients``: plots/data/gradient_norms.csv, means over seeds, as ``first_over_last`` takes it.
    Networks that collapsed are spoken of as well, since a gradient that vanishes may be why; controls are pairs
    of networks that trained.
    """
    ratios = first_over_last(gradients).dropna()
    flows, ends = list[Finding](), dict[str, Finding]()
    for architecture, rows in ratios.groupby("architecture", sort=False):
        entry = summary.get(str(architecture))
        if entry is None or entry.status == "diverged":
            continue
        rows = rows.sort_values("epoch")
        finding = _flow(
            str(architecture), rows, with_status(str(architecture), summary, studies), len(entry.seeds)
        )
        ends[str(architecture)] = finding
        flows.append(finding)
    if not ends:
        return []
    controls = [
        _controlled(control, study, ends[control.of].numbers["ratio"], ends[control.against].numbers["ratio"])
        for study in studies.values()
        for control in study.controls
        if all(name in ends and summary[name].status == "trained" for name in (control.of, control.against))
    ]
    return [_flows(ends, summary, studies), *controls, *flows]


def bounds(convolutions: int) -> tuple[float, float]:
    """The ratios below which a gradient through so many vanishes, and above which it explodes."""
    most = max(FACTOR, VARIANCE_FACTOR ** ((convolutions - 1) / 2))
    return 1 / most, most


def _flow(architecture: str, rows: pd.DataFrame, name: str, seeds: int) -> Finding:
    first, last = (float(rows["ratio"].iloc[end]) for end in (0, -1))
    first_epoch, last_epoch = (int(rows["epoch"].iloc[end]) for end in (0, -1))
    convolutions = int(rows["convolutions"].iloc[-1])
    low, high = bounds(convolutions)
    numbers: dict[str, Any] = {"of": architecture, "seeds": seeds, "epoch": last_epoch, "ratio": last}
    numbers |= {"convolutions": convolutions, "bounds": [low, high]}
    kind = "vanishing" if last < low else "exploding" if last > high else "neither"
    says = {
        "vanishing": f"vanishes (below {times(low)})",
        "exploding": f"explodes (above {times(high)})",
        "neither": f"neither vanishes (below {times(low)}) nor explodes (above {times(high)})",
    }
    text = (
        f"{name}: in epoch {last_epoch} the first convolution's gradient norm is {times(last)} the last one's "
        f"(mean over {counted(seeds, 'seed')}), so that the gradient {says[kind]}"
    )
    if first_epoch < last_epoch:
        direction = "rises" if last >= STEADY * first else "falls" if last <= first / STEADY else "stays"
        numbers |= {"first_epoch": first_epoch, "first_ratio": first, "direction": direction}
        text += f"; from {times(first)} in epoch {first_epoch} it {direction}"
    return Finding(f"{text}.", "gradients", f"gradient_{kind}", numbers, NORMS)


def _flows(ends: Mapping[str, Finding], summary: Mapping[str, Summary], studies: Studies) -> Finding:
    ratios = {name: float(finding.numbers["ratio"]) for name, finding in ends.items()}
    low, high = min(ratios, key=lambda name: ratios[name]), max(ratios, key=lambda name: ratios[name])
    kinds = [finding.rule for finding in ends.values()]
    counts = {kind: kinds.count(f"gradient_{kind}") for kind in ("vanishing", "exploding")}
    text = (
        f"In the last epoch the gradient vanishes in {counts['vanishing']} and explodes in {counts['exploding']} "
        f"of {counted(len(ends), 'network')}: the first convolution's gradient norm over the last one's is "
    )
    text += (
        f"{times(ratios[low])} in {with_status(low, summary, studies)}."
        if low == high
        else f"least in {with_status(low, summary, studies)}, {times(ratios[low])}, and greatest in "
        f"{with_status(high, summary, studies)}, {times(ratios[high])}."
    )
    numbers = counts | {"networks": len(ends), "ratios": ratios}
    return Finding(text, "gradients", "gradient_range", numbers, NORMS)


def _controlled(control: Control, study: Study, of: float, against: float) -> Finding:
    """What a control does to the ratio of the last epoch."""
    rule = "leaves" if against / STEADY < of < against * STEADY else "raises" if of > against else "lowers"
    says = {
        "raises": "it raises this ratio",
        "lowers": "it lowers this ratio",
        "leaves": "it leaves this ratio about as it is",
    }
    text = (
        f"{control.question}: in the last epoch the first convolution's gradient norm is {times(of)} "
        f"the last one's in {named(control.of, study)} and {times(against)} in {named(control.against, study)}; "
        f"{says[rule]} (by means over seeds, not tested)."
    )
    numbers: dict[str, Any] = {"question": control.question, "steady": STEADY}
    numbers |= {"ratios": {control.of: of, control.against: against}}
    return Finding(text, "gradients", f"gradient_control_{rule}", numbers, NORMS)
