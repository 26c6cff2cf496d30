"""The first screen's sentence on training budgets: whether what holds at the largest holds at smaller ones."""

from collections.abc import Iterable, Sequence

from cnn_study.analysis.compared import Comparison
from cnn_study.analysis.statistics import side_of
from cnn_study.report.kit.findings import CONCLUSIONS, Finding
from cnn_study.report.kit.wording import capitalized, counted, counted_points, listed, points
from cnn_study.report.topics.studies.study import ComparedStudy, pairs_of

NAMED = 2  # comparisons whose order changes, in a sentence


def other_budgets(studies: Sequence[ComparedStudy], rates_for: int | None = None) -> Finding | None:
    """How many differences stay, which change the most and which are reversed; None without several budgets.

    ``rates_for``: the epochs that learning rates were found for, if they were for some.
    """
    pairs = [
        (study, pair)
        for study, pair in pairs_of(studies)
        if pair.measured and pair.changes and all(change.interval for change in pair.changes)
    ]
    if not pairs:
        return None
    stable, later = (sum(_stays(study, pair, first) for study, pair in pairs) for first in (0, 1))
    turned = [one for one in pairs if any(change.reversed for change in one[1].changes)]
    changed = [one for one in pairs if side_of(one[1].changes[0].interval, 0) and one not in turned]
    changed.sort(key=lambda one: -abs(one[1].changes[0].points))
    margin = counted_points(studies[0].margin)
    several = all(len(pair.changes) > 1 for _, pair in pairs)
    if len(pairs) == 1:
        which = f"the only difference is{'' if stable else ' not'}"
    else:
        which = f"of {len(pairs)} differences, {stable or 'none'} {'are' if stable > 1 else 'is'}"
    final = "their final values" if len(pairs) > 1 and stable > 1 else "its final value"
    text = f"{which} shown to stay within {margin} of {final} from the smallest training budget on"
    if len(pairs) > 1 and several and later > stable:
        text += f", {later} from the second smallest on (others change, or are too uncertain)"
    if turned:
        more = f" and {len(turned) - NAMED} more" if len(turned) > NAMED else ""
        text += f"; reversed: {_at_both_ends(turned[:NAMED])}{more}"
    else:
        text += "; none is shown to be reversed" if len(pairs) > 1 else ""
    if changed:
        others = " but for reversals" if turned else ""
        text += (
            f"; changed most{others}, by 95 % CIs of the change that leave out 0: {_at_both_ends(changed[:NAMED])}"
        )
    if rates_for is not None:
        text += f"; learning rates that were searched are those for {counted(rates_for, 'epoch')}"
    numbers = {
        "rates_for": rates_for,
        "comparisons": len(pairs),
        "stable": stable,
        "stable_from_second": later if several else stable,
        "margin": studies[0].margin,
        "reversed": len(turned),
        "named": [[pair.of, pair.against, *_ends(pair)] for _, pair in (*changed[:NAMED], *turned[:NAMED])],
    }
    return Finding(capitalized(f"{text}."), "answer", "budgets", numbers, CONCLUSIONS)


def _stays(study: ComparedStudy, pair: Comparison, first: int) -> bool:
    """Whether the difference stays at all smaller budgets that both have, from the ``first`` on.

    It does not where one of the two failed.
    """
    changes = {change.budget: change.stable for change in pair.changes}
    of, against = (map(int, study.summary[name].by_budget) for name in (pair.of, pair.against))
    largest = 0 if pair.largest is None else pair.largest.budget
    budgets = sorted(budget for budget in {*of} & {*against} | {*changes} if budget < largest)
    return all(changes.get(budget, False) for budget in budgets[first:])


def _ends(pair: Comparison) -> tuple[int, float, int, float]:
    """A smaller budget, the first that is reversed or the smallest, and the largest, each with the difference."""
    place = next((place for place, change in enumerate(pair.changes) if change.reversed), 0)
    first, last = pair.smaller[place], pair.largest
    if last is None:
        raise ValueError(f"found {pair.of} and {pair.against} not compared, allowed: compared")
    return first.budget, first.points, last.budget, last.points


def _at_both_ends(found: Iterable[tuple[ComparedStudy, Comparison]]) -> str:
    """Residual − 2 layers (+0.3 points at 1 epoch, +6.7 at 8)."""
    found = list(found)
    labels = [f"{study.name(pair.of)} − {study.name(pair.against)}" for study, pair in found]
    parts = []
    for label, (study, pair) in zip(labels, found, strict=True):
        budget, before, largest, after = _ends(pair)
        where = f"“{study.spec.title}”, " if labels.count(label) > 1 else ""
        parts.append(
            f"{label} ({where}{points(before)} points at {counted(budget, 'epoch')}, {points(after)} at {largest})"
        )
    return listed(parts)
