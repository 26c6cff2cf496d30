"""How the differences depend on the training budget: they are described, and the changes are tested."""

from collections.abc import Mapping

import pandas as pd

from cnn_study.analysis.compared import Change, Comparison, StudyComparison
from cnn_study.analysis.statistics import clipped
from cnn_study.report.kit.charts import ONCE, SIGNED, Spec, quantity, single, tip
from cnn_study.report.kit.findings import Finding, source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Figure
from cnn_study.report.kit.wording import (
    MOST_CHANGE,
    MOST_POINTS,
    NAMED,
    counted,
    counted_points,
    listed,
    points,
    points_within,
)
from cnn_study.report.topics.studies.study import ComparedStudy

DATA = "plots/data/budgets.csv"


def by_budget(compared: Mapping[str, StudyComparison]) -> pd.DataFrame:
    """The ``points`` of each ``kind`` (baseline, control) of comparison at each ``budget``, ``low`` to ``high``.

    ``verdict``: at the largest budget; smaller ones have none. The difference at the largest budget less this one
    is ``change``, from ``change_low`` to ``change_high``.
    """
    rows = [
        {
            "study": key,
            "kind": kind,
            "of": pair.of,
            "against": pair.against,
            "budget": one.budget,
            "points": one.points,
            "low": low,
            "high": high,
            "verdict": pair.verdict if one is pair.largest else None,
            "change": None if change is None else change.points,
            "change_low": change_low,
            "change_high": change_high,
        }
        for key, study in compared.items()
        for kind, pair in study.by_kind
        if pair.largest is not None
        for one, change in (*zip(pair.smaller, pair.changes, strict=True), (pair.largest, None))
        for low, high in [clipped(one.interval, -MOST_POINTS, MOST_POINTS) or (None, None)]
        for change_low, change_high in [
            clipped(change.interval if change else None, -MOST_CHANGE, MOST_CHANGE) or (None, None)
        ]
    ]
    columns = [
        "study", "kind", "of", "against", "budget", "points", "low", "high", "verdict", "change", "change_low",
        "change_high",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def budget_figures(table: pd.DataFrame, members: Members) -> list[Figure]:
    """The differences to the baseline by budget, where there is more than one."""
    rows = table[(table["study"] == members.key) & (table["kind"] == "baseline")]
    rows = rows.rename(columns={"of": "architecture"})
    if rows["budget"].nunique() < 2:
        return []
    return [
        Figure(
            f"studies-{members.key}-budgets",
            f"{members.title}: differences to the baseline by training budget",
            "Lines are 95 % CIs of each comparison alone. Points are filled at the largest budget, that of the "
            "verdicts.",
            source(DATA),
            budget_chart(rows, members),
        )
    ]


def budget_chart(rows: pd.DataFrame, members: Members) -> Spec:
    """Differences in test accuracy as points with intervals, by budget, those of one budget side by side."""
    rows = members.rows(rows)
    styles = members.by_name(rows, "color", "shape")
    x = {"field": "budget", "type": "ordinal", "title": "epochs", "axis": {"labelAngle": 0}}
    beside = {"xOffset": {"field": "name", "sort": list(rows["name"].unique())}}
    y = quantity("points", "percentage points more than the baseline", axis=SIGNED)
    judged = {"condition": {"test": "isValid(datum.verdict)", "value": 1}, "value": 0}
    tips = [
        tip("name", "network"),
        tip("budget", "epochs"),
        *(tip(key, form="+.2f") for key in ("points", "low", "high")),
    ]
    whiskers = {"y": y | {"field": "low"}, "y2": {"field": "high"}, "color": styles["color"]}
    return single(
        f"{members.title}: differences to the baseline by training budget",
        rows[["name", "budget", "points", "low", "high", "verdict"]],
        height=300,
        layer=[
            {"data": ONCE, "mark": {"type": "rule", "opacity": 0.6}, "encoding": {"y": {"datum": 0}}},
            {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": {"x": x} | beside | whiskers},
            {
                "mark": {"type": "point", "size": 60, "strokeWidth": 2},
                "encoding": {"x": x, "y": y, "tooltip": tips, "shape": styles["shape"], "fillOpacity": judged}
                | {"fill": styles["color"], "stroke": styles["color"]}
                | beside,
            },
        ],
    )


def order_changes(study: ComparedStudy) -> list[Finding]:
    """Each comparison that has another sign at a smaller budget, by a change that is significant itself."""
    findings = []
    for pair in (pair for pair in study.pairs if pair.measured):
        for before, change in zip(pair.smaller, pair.changes, strict=True):
            if not (change.reversed and pair.largest and change.interval):
                continue
            text = (
                f"{_named(study, pair)} changes its sign with the budget: from {points(before.points)} points at "
                f"{counted(before.budget, 'epoch')} to {points(pair.largest.points)} at {pair.largest.budget}, by "
                f"{points_within(change.points, change.interval, MOST_CHANGE)}."
            )
            numbers = {
                "of": pair.of,
                "against": pair.against,
                "budgets": [before.budget, pair.largest.budget],
                "points": [before.points, pair.largest.points],
                "change": change.points,
                "interval": list(change.interval),
            }
            findings.append(study.finding("order_changes", text, numbers))
    return findings


def stability(study: ComparedStudy) -> list[Finding]:
    """From which budget on each difference is shown to stay the same but for less than the margin."""
    pairs = [pair for pair in study.pairs if pair.changes and pair.largest]
    if not pairs:
        return []
    since = {f"{pair.of} - {pair.against}": _stable_from(pair.changes) for pair in pairs}
    by_budget: dict[int, list[str]] = {}
    for pair, budget in zip(pairs, since.values(), strict=True):
        if budget is not None:
            by_budget.setdefault(budget, []).append(_named(study, pair))
    stable = [f"from {counted(budget, 'epoch')} on {listed(by_budget[budget])}" for budget in sorted(by_budget)]
    within = f"within {counted_points(study.margin)} of"
    unshown = sum(budget is None for budget in since.values())
    text = f"No difference is shown to stay {within} its value at the largest budget"
    if stable:
        count = len(pairs) - unshown
        which = "This difference is" if count == 1 else "These differences are"
        text = f"{which} shown to stay {within} the value at the largest budget (95 % CI): {'; '.join(stable)}"
        if 0 < unshown <= NAMED:
            others = zip(pairs, since.values(), strict=True)
            text += f". Not shown for {listed([_named(study, pair) for pair, budget in others if budget is None])}"
        elif unshown:
            text += f". For {unshown} of {len(pairs)} this is not shown"
    numbers = {"margin": study.margin, "stable_from": since, "pairs": len(pairs), "not_shown": unshown}
    return [study.finding("stability", f"{text}.", numbers)]


def _named(study: ComparedStudy, pair: Comparison) -> str:
    return f"{study.name(pair.of)} − {study.name(pair.against)}"


def _stable_from(changes: tuple[Change, ...]) -> int | None:
    """The smallest budget from which on all changes to the largest are stable."""
    found = None
    for change in reversed(changes):
        if not change.stable:
            break
        found = change.budget
    return found
