"""Which differences in accuracy are significant: of members to the baseline, and of controls."""

from collections.abc import Mapping

import pandas as pd

from cnn_study.analysis.comparisons import Comparison, StudyComparison
from cnn_study.analysis.statistics import clipped
from cnn_study.analysis.what_differs import choices
from cnn_study.params.study import Control
from cnn_study.report.kit.charts import BELOW, ONCE, TEXT, Spec, down, inline, quantity, single, tip
from cnn_study.report.kit.findings import CONCLUSIONS, TIMING, Finding, source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Figure, Table
from cnn_study.report.kit.palette import COLOURS
from cnn_study.report.kit.wording import (
    FAILURES,
    MOST_POINTS,
    capitalized,
    counted,
    counted_points,
    listed,
    points,
    points_within,
    times_within,
)
from cnn_study.report.topics.studies.study import ComparedStudy, is_measured, rule_of
from cnn_study.report.topics.studies.what_differs import in_brackets

DATA = "plots/data/differences.csv"
# What a chart says of a verdict, in the order of its legend.
SHOWN = {"significant": ("better", "worse"), "equivalent": ("equivalent",), "not decided": ("not decided",)}
INK = COLOURS[0]


def differences(compared: Mapping[str, StudyComparison]) -> pd.DataFrame:
    """Each ``kind`` (baseline, control) of comparison: ``points`` in percent, its interval ``low`` to ``high``.

    Only what has been compared, in the order of each study.
    """
    rows = [
        {
            "study": key,
            "kind": kind,
            "of": pair.of,
            "against": pair.against,
            "points": pair.points,
            "low": low,
            "high": high,
            "verdict": pair.verdict,
        }
        for key, study in compared.items()
        for kind, group in (("baseline", study.against_baseline), ("control", study.controls))
        for pair in group
        if pair.points is not None
        for low, high in [clipped(pair.interval, -MOST_POINTS, MOST_POINTS) or (None, None)]
    ]
    columns = ["study", "kind", "of", "against", "points", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def difference_figure(table: pd.DataFrame, members: Members, study: ComparedStudy) -> Figure | None:
    """Every comparison of the study with its interval, each pair once; None where nothing has an interval."""
    rows = table[(table["study"] == members.key) & table["low"].notna()]
    pairs = rows[["of", "against"]].apply(lambda pair: "-".join(sorted(pair)), axis=1) if len(rows) else None
    if pairs is None:
        return None
    rows = rows[~pairs.duplicated()]
    counts = {what: int(rows["verdict"].isin(verdicts).sum()) for what, verdicts in SHOWN.items()}
    margin = counted_points(study.margin)
    found = listed([f"{count} {what}" for what, count in counts.items() if count])
    labels = [
        f"{study.name(of)} − {study.name(against)} {points(value)} points ({verdict})"
        for of, against, value, verdict in rows[["of", "against", "points", "verdict"]].itertuples(index=False)
    ]
    return Figure(
        f"studies-{members.key}-differences",
        f"{members.title}: of {counted(len(rows), 'difference')}, {found}",
        "Differences in mean test accuracy with 95 % CIs; verdicts account for all comparisons. "
        f"Band: ± {margin}, within which networks are equivalent.",
        source(DATA),
        difference_chart(rows, members, study.margin),
        alt=f"Differences in test accuracy: {'; '.join(labels)}.",
    )


def difference_chart(comparisons: pd.DataFrame, members: Members, margin: float) -> Spec:
    """Differences in test accuracy as marks by verdict with their intervals, and the band of ± ``margin`` points.

    The rows of one study: all against its baseline, and pairs of any.
    """
    names = {**{name: name for name in members.styles}, **members.names}
    rows = comparisons.assign(
        label=[
            f"{names.get(of, of)} − {names.get(against, against)}"
            for of, against in zip(comparisons["of"], comparisons["against"], strict=True)
        ],
        shows=comparisons["verdict"].map(
            {verdict: what for what, verdicts in SHOWN.items() for verdict in verdicts}
        ),
    )
    tips = [
        tip("label", "difference"),
        *(tip(key, form="+.2f") for key in ("points", "low", "high")),
        tip("verdict"),
    ]
    axis = {"format": "+.1f", "labelExpr": "datum.value ? datum.label : '0'", "grid": True, "titleAnchor": "end"}
    x = quantity("points", "percentage points", axis=axis)
    shared = {"y": down("label", rows) | {"axis": {"labelLimit": 320}}, "tooltip": tips}
    there = [what for what in SHOWN if what in set(rows["shows"])]
    looks = {"significant": ("circle", 1), "equivalent": ("square", 1), "not decided": ("circle", 0)}
    by_verdict = {"field": "shows", "type": "nominal", "title": None, "legend": BELOW}
    dots = shared | {
        "x": x,
        "shape": by_verdict | {"scale": {"domain": there, "range": [looks[what][0] for what in there]}},
        "fillOpacity": by_verdict | {"scale": {"domain": there, "range": [looks[what][1] for what in there]}},
    }
    return single(
        f"{members.title}: differences in test accuracy with 95 % confidence intervals",
        rows[["label", "points", "low", "high", "verdict", "shows"]],
        height=26 * len(rows),
        layer=[
            {
                "data": inline(pd.DataFrame([{"from": -margin, "to": margin}])),
                "mark": {"type": "rect", "opacity": 0.12, "color": TEXT},
                "encoding": {"x": x | {"field": "from"}, "x2": {"field": "to"}},
            },
            {"data": ONCE, "mark": {"type": "rule", "opacity": 0.6}, "encoding": {"x": {"datum": 0}}},
            {
                "mark": {"type": "rule", "strokeWidth": 2, "color": INK},
                "encoding": shared | {"x": x | {"field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "size": 110, "strokeWidth": 2, "fill": INK, "stroke": INK},
                "encoding": dots,
            },
        ],
    )


def controls_table(study: ComparedStudy) -> Table:
    """Every control: what it asks, the pair, what differs, the difference, the ratio of the times of a step."""
    rows = []
    for control, pair in zip(study.spec.controls, study.comparison.controls, strict=True):
        names = [study.spec.members.get(name, name) for name in (control.of, control.against)]
        ratio = study.costs.ratio(control.of, control.against)
        time = "–" if ratio is None else times_within(ratio)
        what = listed([one.what for one in choices(study.differing.get((control.of, control.against), ()))])
        rows.append((control.question, " − ".join(names), what, cell(pair), time))
    return Table(
        f"{study.spec.title}: controls",
        ("question", "pair", "what differs", "test accuracy", "training step"),
        tuple(rows),
        source(f"{CONCLUSIONS}, {TIMING}"),
    )


def cell(pair: Comparison | None) -> str:
    """A comparison in a table's cell."""
    if pair is None or pair.points is None:
        return "–"
    verdict = "" if pair.verdict is None else f": {pair.verdict}"
    return points_within(pair.points, pair.interval) + verdict


def against_baseline(study: ComparedStudy) -> list[Finding]:
    """But for the winner and for what a control asks, of which there are sentences already."""
    elsewhere = {(control.of, control.against) for control in study.spec.controls}
    elsewhere |= {(name, study.spec.baseline) for name in study.comparison.ranking[:1]}
    findings = []
    for comparison in filter(is_measured, study.comparison.against_baseline):
        if (comparison.of, comparison.against) in elsewhere:
            continue
        name = f"the baseline {study.name(comparison.against)}"
        text = study.in_words(comparison, study.name(comparison.of), name)
        if text.startswith("the difference"):  # else it begins with a name, which stays as it is
            text = capitalized(text)
        findings.append(study.finding(f"baseline_{rule_of(comparison)}", f"{text}.", study.numbers_of(comparison)))
    return findings


def controls(study: ComparedStudy) -> list[Finding]:
    """What each control asks, and the answer."""
    measured = {(c.of, c.against): c for c in study.comparison.controls if is_measured(c)}
    findings = []
    for control in study.spec.controls:
        differing = in_brackets(study.differing.get((control.of, control.against), ()))
        asked = f"{control.question}{differing}"
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
    why = listed(failed) or f"{study.name(control.of)} and {study.name(control.against)} are not compared"
    numbers = {"question": control.question, "statuses": statuses}
    return study.finding("control_not_measured", f"{asked}: not measured, since {why}.", numbers)
