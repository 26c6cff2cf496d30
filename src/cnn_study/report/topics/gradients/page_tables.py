"""The tables of gradients as the page has them."""

from collections.abc import Mapping

from cnn_study.analysis.summaries import Summary
from cnn_study.report.kit.findings import CONCLUSIONS, source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Table
from cnn_study.report.kit.wording import Studies, at_own_largest, capitalized, named, times, with_status
from cnn_study.report.topics.gradients.flows import STEADY, Flow, change
from cnn_study.report.topics.gradients.tables import FLOW

RATIO = "First convolution's gradient norm ÷ last one's"
CHANGES = {"rises": "raises it", "falls": "lowers it", "stays": "leaves it"}


def study_table(flows: Mapping[str, Flow], members: Members) -> Table | None:
    """The networks of one study; None if none has a flow."""
    there = {name: flows[name] for name in members.names if name in flows}
    if not there:
        return None
    return Table(
        f"{members.title}: first convolution's gradient norm ÷ last one's",
        ("network", "first epoch", "last epoch", "gradient"),
        tuple((members.names[name], _first(flow), times(flow.last), flow.kind) for name, flow in there.items()),
        source(FLOW),
    )


def flow_table(flows: Mapping[str, Flow], summary: Mapping[str, Summary], studies: Studies) -> Table:
    """All networks, and by which bounds they are judged."""
    return Table(
        f"{RATIO}, all networks",
        ("network", "convolutions", "first epoch", "last epoch", "trend", "vanishes below", "explodes above",
         "gradient", "seeds"),
        tuple(
            (
                with_status(name, summary, studies),
                str(flow.convolutions),
                _first(flow),
                times(flow.last),
                "–" if flow.first is None else change(flow.last, flow.first),
                *map(times, flow.bounds),
                flow.kind,
                str(flow.seeds),
            )
            for name, flow in flows.items()
        ),
        source(FLOW),
        f"Ratios of means over seeds. A ratio stays if it changes by less than a factor of {STEADY:g}."
        f"{at_own_largest(summary)}",
    )  # fmt: skip


def controls_table(flows: Mapping[str, Flow], summary: Mapping[str, Summary], studies: Studies) -> Table | None:
    """What each control does to the ratio of the last epoch, of pairs that trained; None if there are none."""
    rows = []
    for study in studies.values():
        for control in study.controls:
            pair = (control.of, control.against)
            if all(name in flows and summary[name].status == "trained" for name in pair):
                of, against = (flows[name].last for name in pair)
                names = (named(name, study) for name in pair)
                row = (capitalized(control.question), *names, times(of), times(against))
                rows.append((*row, CHANGES[change(of, against)]))
    if not rows:
        return None
    return Table(
        f"{RATIO}, in the last epoch",
        ("what is compared", "network", "against", "ratio", "the other's ratio", "what it does to the ratio"),
        tuple(rows),
        source(CONCLUSIONS),
        f"By means over seeds, not tested. “Leaves it”: both ratios are within a factor of {STEADY:g}.",
    )


def _first(flow: Flow) -> str:
    return "–" if flow.first is None else times(flow.first)
