"""What is said of gradients: whether they vanish or explode, in how many networks, and where most."""

from collections.abc import Mapping
from typing import Any

from cnn_study.analysis.summaries import Summary
from cnn_study.report.kit.findings import CONCLUSIONS, Finding
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.wording import Studies, counted, listed, listed_or_counted, quoted, times, with_status
from cnn_study.report.topics.gradients.flows import Flow, Kind
from cnn_study.report.topics.gradients.tables import FLOW

VERBS: tuple[Kind, ...] = ("vanishes", "explodes")
NEITHER = "neither vanishes nor explodes"
WITHOUT_FLOW = "a single convolution, a run that diverged, or no gradient in its last convolution"


def answer(flows: Mapping[str, Flow], summary: Mapping[str, Summary], studies: Studies) -> Finding:
    """Whether the gradient vanishes or explodes, in how many networks, and in which most."""
    if not flows:
        text = f"There is nothing to compare: {_without_flow(len(summary))}."
        return Finding(text, "gradients", "gradient_unknown", {"networks": len(summary)}, CONCLUSIONS)
    names = {name: with_status(name, summary, studies) for name in flows}
    groups = {verb: [name for name in flows if flows[name].kind == verb] for verb in VERBS}
    there = [verb for verb in VERBS if groups[verb]]
    least, most = min(flows, key=lambda name: flows[name].last), max(flows, key=lambda name: flows[name].last)
    numbers: dict[str, Any] = {verb: len(found) for verb, found in groups.items()} | {"networks": len(flows)}
    numbers |= {"ratios": {name: flow.last for name, flow in flows.items()}}
    numbers |= {"bounds": sorted({flow.bounds for flow in flows.values()})}
    if len(flows) == 1:
        does, ratio = f"of {names[least]} {listed(there) or NEITHER}", _ratios(flows, {least: ""})
    elif there:
        of_kinds = [f"{verb} in {len(groups[verb])}" for verb in there]
        worst = [max(groups[verb], key=lambda name: flows[name].reach) for verb in there]
        does = f"{listed(of_kinds)} of {counted(len(flows), 'network')}"
        ratio = f"at worst {_ratios(flows, {name: names[name] for name in worst})}"
    else:
        does = f"{NEITHER} in any of {counted(len(flows), 'network')}"
        ratio = _ratios(flows, {name: names[name] for name in (least, most)})
        if times(flows[least].last) == times(flows[most].last):
            ratio = f"{_ratios(flows, {least: ''})} in each"
        elif len(flows) > 2:
            ratio += ", and in between elsewhere"
    text = (
        f"The gradient {does}: in the last epoch the first convolution's gradient norm is {ratio}. "
        f"{_bounds_in_words(flows)}"
    )
    return Finding(text, "gradients", f"gradient_{'_and_'.join(there) or 'neither'}", numbers, FLOW)


def _ratios(flows: Mapping[str, Flow], names: Mapping[str, str]) -> str:
    """0.32× the last convolution's in residual and 1.2× in 3×3; of one network, without its name."""
    parts: list[str] = []
    for name, shown in names.items():
        of_last = "" if parts else " the last convolution's"
        parts.append(f"{times(flows[name].last)}{of_last}{f' in {shown}' if shown else ''}")
    return listed(parts)


def _without_flow(networks: int) -> str:
    if networks == 1:
        return f"the network has {WITHOUT_FLOW}"
    return f"each of {counted(networks, 'network')} has {WITHOUT_FLOW}"


def _bounds_in_words(flows: Mapping[str, Flow]) -> str:
    widths = sorted({flow.bounds[1] for flow in flows.values()})
    narrow, wide = widths[0], widths[-1]
    if narrow == wide:
        return f"Below {times(1 / narrow)} it vanishes, above {times(narrow)} it explodes."
    deepest = "the deepest network" if len(widths) == 2 else "deeper networks further off, in the deepest"
    return (
        f"It vanishes below {times(1 / narrow)} and explodes above {times(narrow)}, in {deepest} below "
        f"{times(1 / wide)} and above {times(wide)}."
    )


def title_of(members: Members, flows: Mapping[str, Flow]) -> str:
    """What the gradient does in the networks of a study, as the title of their figure."""
    there = {name: flows[name] for name in members.names if name in flows}
    if not there:
        return f"{members.title}: gradient norm by layer"
    names = {
        verb: [quoted(members.names[name]) for name, flow in there.items() if flow.kind == verb] for verb in VERBS
    }
    parts = [f"{verb} in {listed_or_counted(found)}" for verb, found in names.items() if found]
    return f"{members.title}: the gradient {listed(parts) or NEITHER}"
