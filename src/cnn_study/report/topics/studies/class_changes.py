"""Which classes the members help and hurt against the baseline."""

from collections.abc import Mapping

import pandas as pd

from cnn_study.analysis.compared import StudyComparison
from cnn_study.report.kit.charts import Spec, down, single, tip
from cnn_study.report.kit.findings import Finding, source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Figure
from cnn_study.report.kit.wording import MOST_CLASSES, points
from cnn_study.report.topics.studies.study import ComparedStudy, seeds_in_words

DATA = "plots/data/class_changes.csv"


def class_changes(compared: Mapping[str, StudyComparison]) -> pd.DataFrame:
    """Each member's difference to the baseline at ``budget`` in ``points`` by ``class``, means over seeds."""
    rows = [
        {"study": key, "architecture": pair.of, "budget": pair.largest.budget, "class": label, "points": points}
        for key, study in compared.items()
        for pair in study.against_baseline
        if pair.largest is not None
        for label, points in pair.classes.items()
    ]
    return pd.DataFrame(rows, columns=["study", "architecture", "budget", "class", "points"])


def class_figures(table: pd.DataFrame, members: Members, study: ComparedStudy) -> list[Figure]:
    """What each class gains and loses, if anything was compared."""
    if not members.are_in(table):
        return []
    return [
        Figure(
            f"studies-{members.key}-class_changes",
            f"{members.title}: classes helped and hurt",
            f"Percentage points more or less than {study.spec.members[study.spec.baseline]}, means over "
            f"seeds; single classes are not tested.{study.at_budgets(study.comparison.against_baseline)}"
            + (f" The {MOST_CLASSES} that change most." if table["class"].nunique() > MOST_CLASSES else ""),
            source(DATA),
            class_chart(table, members),
        )
    ]


def class_chart(changes: pd.DataFrame, members: Members) -> Spec:
    """Change of each class's test accuracy against the baseline, in percentage points."""
    rows = members.rows(changes)
    rows = rows.assign(rounded=rows["points"].round(1) + 0.0)  # + 0.0: no negative zero
    change = rows["points"].abs().groupby(rows["class"]).max().sort_values(ascending=False, kind="stable")
    rows = rows[rows["class"].isin(change.index[:MOST_CLASSES])]
    most = float(rows["points"].abs().max()) if rows["points"].any() else 1.0
    points = {
        "field": "points",
        "type": "quantitative",
        "title": "percentage points",
        "scale": {"scheme": "blueorange", "domain": [most, -most]},
        "legend": None,
    }
    ink = {"condition": {"test": f"abs(datum.points) > {0.65 * most}", "value": "white"}, "value": "black"}
    tips = [tip("name", "network"), tip("class"), tip("points", "percentage points", "+.2f")]
    return single(
        f"{members.title}: change of each class's test accuracy, in percentage points",
        rows[["name", "class", "points", "rounded"]],
        width={"step": 58},  # room for the numbers, on any page
        autosize="pad",
        height=30 * rows["name"].nunique(),
        encoding={
            "x": {"field": "class", "type": "nominal", "title": None, "sort": None, "axis": {"labelAngle": -45}},
            "y": down("name", rows),
            "tooltip": tips,
        },
        layer=[
            {"mark": "rect", "encoding": {"color": points}},
            {"mark": "text", "encoding": {"text": {"field": "rounded", "format": "+.1f"}, "color": ink}},
        ],
    )


def winner_classes(study: ComparedStudy) -> list[Finding]:
    """The classes that the winner helps and hurts most."""
    against = study.against_baseline(study.comparison.ranking[0]) if study.comparison.ranking else None
    if against is None or not against.classes:
        return []
    most = max(against.classes, key=lambda label: against.classes[label])
    least = min(against.classes, key=lambda label: against.classes[label])
    high, low = (f"{label} ({points(against.classes[label])} points)" for label in (most, least))
    gains, loses = against.classes[most] > 0, against.classes[least] < 0
    rule = {
        (True, True): "classes_both",
        (True, False): "classes_gain",
        (False, True): "classes_lose",
        (False, False): "classes_same",
    }[gains, loses]
    ends = {
        "classes_both": f"gains most on {high} and loses most on {low}",
        "classes_gain": f"loses on no class and gains most on {high}",
        "classes_lose": f"gains on no class and loses most on {low}",
        "classes_same": "has the same accuracy in each class",
    }
    text = (
        f"{study.name(against.of)}, which has the highest mean, {ends[rule]}, compared with "
        f"{study.name(against.against)} ({seeds_in_words(against)}; single classes are not tested)."
    )
    numbers = {
        "of": against.of,
        "against": against.against,
        "seeds": against.largest.seeds if against.largest else (),
        "classes": against.classes,
    }
    return [study.finding(rule, text, numbers)]
