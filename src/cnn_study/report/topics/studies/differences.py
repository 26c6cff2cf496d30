"""Which differences in accuracy are significant: of members to the baseline, and of controls."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cnn_study.analysis.compared import StudyComparison
from cnn_study.analysis.statistics import clipped
from cnn_study.params.study import Control
from cnn_study.report.kit.charts import ONCE, SIGNED, TEXT, Spec, below, down, inline, quantity, single, tip
from cnn_study.report.kit.findings import Finding, source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Figure
from cnn_study.report.kit.palette import COLOURS
from cnn_study.report.kit.wording import (
    FAILURES,
    MOST_POINTS,
    NAMED,
    capitalized,
    counted,
    counted_points,
    listed,
    points_within,
)
from cnn_study.report.topics.studies.study import ComparedStudy, rule_of
from cnn_study.report.topics.studies.what_differs import in_brackets

DATA = "plots/data/differences.csv"
INK, HOLLOW = COLOURS[0], "transparent"
LABELS = 280  # px, at most
# How a chart shows a verdict, in the order of its legend: shape and filling.
MARKS = {
    "better": ("triangle-up", INK),
    "worse": ("triangle-down", INK),
    "equivalent": ("square", INK),
    "not decided": ("circle", HOLLOW),
    "no verdict": ("cross", HOLLOW),
}


def differences(compared: Mapping[str, StudyComparison]) -> pd.DataFrame:
    """Each ``kind`` (baseline, control) of comparison: ``points`` in percent, its interval ``low`` to ``high``.

    At ``budget``, the largest that both networks have. Only what has been compared, in the order of each study.
    """
    rows = [
        {
            "study": key,
            "kind": kind,
            "of": pair.of,
            "against": pair.against,
            "budget": pair.largest.budget,
            "points": pair.points,
            "low": low,
            "high": high,
            "verdict": pair.verdict,
        }
        for key, study in compared.items()
        for kind, pair in study.by_kind
        if pair.largest is not None
        for low, high in [clipped(pair.interval, -MOST_POINTS, MOST_POINTS) or (None, None)]
    ]
    columns = ["study", "kind", "of", "against", "budget", "points", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def difference_figure(table: pd.DataFrame, members: Members, study: ComparedStudy) -> Figure | None:
    """Every comparison of the study with its interval, each pair once; None where nothing was compared."""
    rows = table[table["study"] == members.key]
    if rows.empty:
        return None
    shown = [(pair.of, pair.against) for pair in study.pairs]
    is_shown = [pair in shown for pair in zip(rows["of"], rows["against"], strict=True)]
    rows = rows[is_shown].drop_duplicates(["of", "against"])
    seen = [
        f"{study.name(pair.of)} − {study.name(pair.against)} {points_within(pair.points, pair.interval)}"
        f" ({pair.verdict or 'no verdict'})"
        for pair in study.pairs
        if pair.points is not None
    ]
    return Figure(
        f"studies-{members.key}-differences",
        title_of(study),
        f"Differences in mean test accuracy{' with 95 % CIs' if rows['low'].notna().any() else ''}. "
        f"Band: ± {counted_points(study.margin)}.{study.at_budgets(study.pairs)}",
        source(DATA),
        difference_chart(rows, members, study.margin),
        alt=f"Differences in test accuracy: {'; '.join(seen)}.",
    )


def title_of(study: ComparedStudy) -> str:
    """What the verdicts on members and baseline say; where there are none, how many of all are significant."""
    baseline = study.name(study.spec.baseline)
    judged = [pair for pair in study.comparison.against_baseline if pair.judged]
    better, worse, equivalent = (
        [pair.of for pair in judged if pair.verdict == verdict] for verdict in ("better", "worse", "equivalent")
    )
    if not judged:
        return _title_of_controls(study)
    if better or worse:
        first = f"{_who(study, better, 'more accurate than')} {baseline}" if better else ""
        second = _who(study, worse, "less accurate" if better else "less accurate than")
        return " and ".join(filter(None, [first, second and (second if better else f"{second} {baseline}")]))
    if len(equivalent) == len(judged):
        within = f"equivalent to {baseline} within {counted_points(study.margin)}"
        return _who(study, equivalent, within)
    who = f"{study.name(judged[0].of)} is not" if len(judged) == 1 else "No network is"
    return f"{who} significantly more or less accurate than {baseline}"


def _title_of_controls(study: ComparedStudy) -> str:
    judged = [pair for pair in study.pairs if pair.judged]
    if not judged:
        return "No difference is decided"
    if len(judged) > 1:
        return f"{sum(pair.significant for pair in judged)} of {len(judged)} differences are significant"
    of, against = (study.name(name) for name in (judged[0].of, judged[0].against))
    return {
        "better": f"{of} is more accurate than {against}",
        "worse": f"{of} is less accurate than {against}",
        "equivalent": f"{of} and {against} are equivalent within {counted_points(study.margin)}",
    }.get(judged[0].verdict or "", f"{of} is not significantly more or less accurate than {against}")


def _who(study: ComparedStudy, names: Sequence[str], what: str) -> str:
    """5×5 is more accurate than; 5×5 and 7×7 are; 5 of 8 networks are; all 8 others are. Of none: nothing."""
    if not names:
        return ""
    be = "is" if len(names) == 1 else "are"
    if len(names) <= NAMED:
        return f"{listed([study.name(name) for name in names])} {be} {what}"
    others = len(study.comparison.against_baseline)
    if len(names) == others:
        return f"All {others} others {be} {what}"
    return f"{len(names)} of {others} networks {be} {what}"


def difference_chart(comparisons: pd.DataFrame, members: Members, margin: float) -> Spec:
    """Differences in test accuracy as marks by verdict with their intervals, and the band of ± ``margin`` points.

    The rows of one study: all against its baseline, and pairs of any.
    """
    names = members.names
    rows = comparisons.assign(
        label=[
            f"{names.get(of, of)} − {names.get(against, against)}"
            for of, against in zip(comparisons["of"], comparisons["against"], strict=True)
        ],
        verdict=comparisons["verdict"].fillna("no verdict"),
    )
    tips = [
        tip("label", "difference"),
        *(tip(key, title, "+.2f") for key, title in (("points", None), ("low", "95 % CI, low"), ("high", "high"))),
        tip("verdict"),
    ]
    axis = SIGNED | {"grid": True, "tickCount": {"expr": "width < 300 ? 4 : 8"}}
    x = quantity("points", "difference in percentage points", axis=axis)
    shared = {"y": down("label", rows) | {"axis": {"labelLimit": LABELS}}, "tooltip": tips}
    there = [verdict for verdict in MARKS if verdict in set(rows["verdict"])]
    by_verdict = {
        "field": "verdict",
        "type": "nominal",
        "title": None,
        "legend": below(there, LABELS + 20) | {"symbolStrokeColor": INK},
    }
    shapes, fills = zip(*(MARKS[verdict] for verdict in there), strict=True)
    dots = shared | {
        "x": x,
        "shape": by_verdict | {"scale": {"domain": there, "range": list(shapes)}},
        "fill": by_verdict | {"scale": {"domain": there, "range": list(fills)}},
        # The same for all, yet a scale: else the legend has no strokes.
        "stroke": by_verdict | {"scale": {"domain": there, "range": [INK] * len(there)}},
    }
    return single(
        f"{members.title}: differences in test accuracy with 95 % confidence intervals",
        rows[["label", "points", "low", "high", "verdict"]],
        height={"step": 26},
        layer=[
            {
                "data": inline(pd.DataFrame([{"from": -margin, "to": margin}])),
                "mark": {"type": "rect", "opacity": 0.12, "color": TEXT},
                "encoding": {"x": x | {"field": "from"}, "x2": {"field": "to"}},
            },
            {"data": ONCE, "mark": {"type": "rule", "opacity": 0.6}, "encoding": {"x": {"datum": 0}}},
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "rule", "strokeWidth": 2, "color": INK},
                "encoding": shared | {"x": x | {"field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "size": 90, "strokeWidth": 2},
                "encoding": dots,
            },
        ],
    )


def in_words(study: ComparedStudy) -> list[Finding]:
    """Each comparison of the study, under its question where it is a control's."""
    return [*against_baseline(study), *controls(study)]


def against_baseline(study: ComparedStudy) -> list[Finding]:
    """But for what a control asks, which has a sentence of its own."""
    findings = []
    for pair in study.unasked:
        if pair.measured:
            text = study.in_words(pair, study.name(pair.of), study.name(pair.against))
            findings.append(study.finding(f"baseline_{rule_of(pair)}", f"{text}.", study.numbers_of(pair)))
    return findings


def controls(study: ComparedStudy) -> list[Finding]:
    """What each control asks, and the answer."""
    measured = {(c.of, c.against): c for c in study.comparison.controls if c.measured}
    findings = []
    for control in study.spec.controls:
        differing = in_brackets(study.differing.get((control.of, control.against), ()))
        asked = f"{capitalized(control.question)}{differing}"
        if (comparison := measured.get((control.of, control.against))) is None:
            findings.append(_unanswered(study, control, asked))
            continue
        text = f"{asked}: {study.in_words(comparison, *map(study.name, (comparison.of, comparison.against)))}."
        numbers = {"question": control.question} | study.numbers_of(comparison)
        findings.append(study.finding(f"control_{rule_of(comparison)}", text, numbers))
    return findings


def _unanswered(study: ComparedStudy, control: Control, asked: str) -> Finding:
    pair = (control.of, control.against)
    statuses = {name: study.summary[name].status for name in pair if name in study.summary}
    failed = [f"{study.name(name)} {FAILURES[status]}" for name, status in statuses.items() if status in FAILURES]
    numbers: dict[str, Any] = {"question": control.question, "statuses": statuses}
    why = listed(failed) or _why_at_shared_budgets(study, pair, numbers)
    return study.finding("control_not_measured", f"{asked}: not measured, since {why}.", numbers)


def _why_at_shared_budgets(study: ComparedStudy, pair: Sequence[str], numbers: dict[str, Any]) -> str:
    """Of two networks that trained to their own largest budgets; adds to ``numbers`` what it says."""
    of, against = (study.summary[name].by_budget for name in pair)
    shared = max(of.keys() & against.keys(), key=int, default=None)
    if shared is None:
        return "the two share no training budget"
    statuses = {name: study.summary[name].by_budget[shared].status for name in pair}
    numbers |= {"budget": int(shared), "statuses": statuses}
    failed = [f"{study.name(name)} {FAILURES[status]}" for name, status in statuses.items() if status in FAILURES]
    return f"{listed(failed) or 'not both trained'} at {counted(int(shared), 'epoch')}, the largest that both have"
