"""Every comparison in one table: the verdict at the largest budget, and the differences at all."""

from collections.abc import Sequence

from cnn_study.analysis.compared import AccuracyDifference, Comparison
from cnn_study.analysis.verdicts import Verdict
from cnn_study.report.kit.findings import CONCLUSIONS, source
from cnn_study.report.kit.page import Table
from cnn_study.report.kit.wording import capitalized, counted, counted_points, listed, points_cell
from cnn_study.report.topics.studies.study import ComparedStudy, pairs_of

# A sign as well as a word, neither of them a colour.
SIGNS = {"better": "▲ better", "worse": "▼ worse", "equivalent": "≈ equivalent", "not decided": "? not decided"}


def verdict_table(studies: Sequence[ComparedStudy]) -> Table | None:
    """Each pair of the studies once; None where there is none."""
    pairs = pairs_of(studies)
    if not pairs:
        return None
    labels = [_label(study, pair) for study, pair in pairs]
    budgets = sorted({one.budget for _, pair in pairs for one in _differences(pair)}, reverse=True)
    rows = [
        (
            label if labels.count(label) == 1 else f"{label} ({study.spec.title})",
            verdict_cell(pair, study.margin) + _where(pair, budgets[0] if budgets else None),
            *(_at(pair, budget) for budget in budgets),
        )
        for label, (study, pair) in zip(labels, pairs, strict=True)
    ]
    judged = sum(pair.judged is not None for _, pair in pairs)
    verdicts = (
        "Verdicts are at the largest budget of both networks and, unlike intervals, corrected for "
        f"{counted(judged, 'comparison')} (Holm), so that a difference whose interval leaves out 0 can still "
        "be not decided. Better, worse: shown to differ. Equivalent: shown to differ by less than "
        f"{counted_points(studies[0].margin)}, if at all."
    )
    return Table(
        "All comparisons of the studies",
        ("comparison", "verdict", *(counted(budget, "epoch") for budget in budgets)),
        tuple(rows),
        source(CONCLUSIONS),
        "Differences in test accuracy in percentage points, each with its own 95 % CI where there are several "
        f"runs. {verdicts if judged else 'There is no verdict.'}{_one_network(studies)}",
    )


def _one_network(studies: Sequence[ComparedStudy]) -> str:
    """Which names are of one network, that several studies have under a name of their own."""
    names: dict[str, dict[str, None]] = {}
    for study in studies:
        for architecture in study.spec.members:
            names.setdefault(architecture, {})[study.name(architecture)] = None
    same = [list(of_one) for of_one in names.values() if len(of_one) > 1]
    return "".join(f" {capitalized(listed(of_one))} are one network." for of_one in same)


def _label(study: ComparedStudy, pair: Comparison) -> str:
    return " − ".join(study.spec.members.get(name, name) for name in (pair.of, pair.against))


def _where(pair: Comparison, largest: int | None) -> str:
    """At which budget it is judged, where that is not the largest of all."""
    at = None if pair.largest is None else pair.largest.budget
    return "" if at in (None, largest) else f" (at {counted(at, 'epoch')})"


def kind_of(pair: Comparison) -> str:
    """The verdict; why there is none (``one run``, ``no variation``); ``not compared`` of a pair that is not."""
    if not pair.measured:
        return "not compared"
    return pair.verdict or ("one run" if pair.one_run else "no variation")


def verdict_cell(pair: Comparison, margin: float) -> str:
    """The verdict with its sign; whether a significant difference is shown to be below the margin."""
    if not pair.measured:
        return "not compared"
    small = pair.judged is not None and pair.judged.smaller_than_margin
    return verdict_in_a_cell(pair.verdict, margin, one_run=pair.one_run, smaller_than_margin=small)


def verdict_in_a_cell(verdict: Verdict | None, margin: float, *, one_run: bool, smaller_than_margin: bool) -> str:
    """The same of what has been measured; where there is no verdict, why."""
    if verdict is None:
        return "single run" if one_run else "no variation"
    small = smaller_than_margin and verdict in ("better", "worse")
    return SIGNS[verdict] + (f", by less than {counted_points(margin)}" if small else "")


def _differences(pair: Comparison) -> tuple[AccuracyDifference, ...]:
    return pair.smaller if pair.largest is None else (*pair.smaller, pair.largest)


def _at(pair: Comparison, budget: int) -> str:
    found = next((one for one in _differences(pair) if one.budget == budget), None)
    if found is None:
        return "–"
    return points_cell(found.points, found.interval)
