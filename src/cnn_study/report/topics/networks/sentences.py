"""What is said of the networks before any training."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from cnn_study.analysis.summaries import Summary
from cnn_study.analysis.what_differs import TOLERANCE, equal_weights
from cnn_study.report.kit.findings import SUMMARY, Finding
from cnn_study.report.kit.wording import counted, hundredths, listed, quoted, round_percent, span
from cnn_study.report.topics.networks.blocks import Drawing

WORTH_SAYING = 1.1  # a ratio of operations


def network_findings(drawings: Sequence[Drawing], summaries: Mapping[str, Summary]) -> list[Finding]:
    """From how many to how many parameters and operations; what equal parameters cost; which are equal."""
    costs = {drawing: summaries[drawing.architectures[0]] for drawing in drawings}
    return [_span(costs), *_same_parameters(costs), *_groups(costs)]


def title_of(drawings: Sequence[Drawing], summaries: Mapping[str, Summary]) -> str:
    """What the drawings show: whether more convolutions mean more parameters."""
    parameters = {drawing: summaries[drawing.architectures[0]].parameters for drawing in drawings}
    most = max(drawing.convolutions for drawing in drawings)
    deep = [count for drawing, count in parameters.items() if drawing.convolutions == most]
    others = [count for drawing, count in parameters.items() if drawing.convolutions < most]
    depth = counted(most, "convolution")
    if not others:
        return f"{depth} in the one network" if len(deep) == 1 else f"{depth} in every network"
    deepest = f"The deepest network, with {depth}, has" if len(deep) == 1 else f"The deepest, with {depth}, have"
    if max(deep) < min(others):
        return f"{deepest} the fewest parameters"
    if min(deep) > max(others):
        return f"{deepest} the most parameters"
    least = min(drawing.convolutions for drawing in drawings)
    fewest, most_of_all = min(parameters.values()), max(parameters.values())
    if fewest == most_of_all:
        return f"From {least} to {depth}, each network with {fewest:,} parameters"
    return f"From {least} to {depth} and from {fewest:,} to {most_of_all:,} parameters"


def _span(costs: Mapping[Drawing, Summary]) -> Finding:
    networks = sum(len(drawing.architectures) for drawing in costs)
    small = min(costs, key=lambda drawing: costs[drawing].parameters)
    large = max(costs, key=lambda drawing: costs[drawing].parameters)
    fewest, most = costs[small].parameters, costs[large].parameters
    flops = sorted(summary.forward_flops for summary in costs.values())
    numbers = {
        "networks": networks,
        "architectures": len(costs),
        "parameters": {small.label: fewest, large.label: most},
        "megaflops": [flops[0] / 1e6, flops[-1] / 1e6],
    }
    who = counted(networks, "network")
    if networks > len(costs):
        who += f" of {counted(len(costs), 'architecture')}"
    has = "has" if networks == 1 else "have"
    operations = f"a forward pass of one image takes {span(megaflops(flops[0]), megaflops(flops[-1]))} MFLOPs"
    if fewest == most:
        return Finding(f"{who} {has} {most:,} parameters; {operations}.", "networks", "one_size", numbers, SUMMARY)
    text = (
        f"{who} {has} {fewest:,} ({quoted(small.label)}) to {most:,} parameters ({quoted(large.label)}); "
        f"{operations}."
    )
    return Finding(text, "networks", "span", numbers, SUMMARY)


def _same_parameters(costs: Mapping[Drawing, Summary]) -> list[Finding]:
    """How far operations differ at most between two networks with as many parameters."""
    ratios = {}
    for one, other in combinations(costs, 2):
        if equal_weights(costs[one].parameters, costs[other].parameters):
            less, more = sorted((one, other), key=lambda drawing: costs[drawing].forward_flops)
            ratios[more, less] = costs[more].forward_flops / costs[less].forward_flops
    if not ratios:
        return []
    more, less = max(ratios, key=lambda pair: ratios[pair])
    ratio = ratios[more, less]
    if ratio < WORTH_SAYING:
        return []
    numbers = {"of": more.label, "against": less.label, "ratio": ratio, "tolerance": TOLERANCE}
    text = (
        f"Equal parameters are not equal cost: {quoted(more.label)} takes {hundredths(ratio)}× the FLOPs of "
        f"{quoted(less.label)}, which has as many parameters within {round_percent(TOLERANCE)}."
    )
    return [Finding(text, "networks", "same_parameters_other_flops", numbers, SUMMARY)]


def _groups(costs: Mapping[Drawing, Summary]) -> list[Finding]:
    """Which have as many parameters, in convolutions and in all, as the first of a group."""
    groups: list[list[Drawing]] = []
    for drawing, summary in costs.items():
        for group in groups:
            first = costs[group[0]]
            if equal_weights(summary.parameters, first.parameters) and equal_weights(
                summary.conv_parameters, first.conv_parameters
            ):
                group.append(drawing)
                break
        else:
            groups.append([drawing])
    return [_group(group, costs) for group in groups if len(group) > 1]


def _group(group: Sequence[Drawing], costs: Mapping[Drawing, Summary]) -> Finding:
    first, others = group[0], [quoted(drawing.label) for drawing in group[1:]]
    summary = costs[first]
    numbers = {
        "as": first.label,
        "networks": [drawing.label for drawing in group[1:]],
        "parameters": summary.parameters,
        "conv_parameters": summary.conv_parameters,
        "tolerance": TOLERANCE,
    }
    text = (
        f"As many parameters as {quoted(first.label)} ({summary.parameters:,}, in convolutions "
        f"{summary.conv_parameters:,}), each within {round_percent(TOLERANCE)}: {listed(others)}."
    )
    return Finding(text, "networks", "as_many_parameters", numbers, SUMMARY)


def megaflops(flops: int) -> str:
    """Millions of operations: 0.013, 1.3, 13."""
    return f"{flops / 1e6:.1f}" if flops >= 1e6 else f"{flops / 1e6:.2g}"
