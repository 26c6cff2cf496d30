"""Is it the window or the weights? What the controls of a topic find of each, named or, if many, counted.

A control is about the window if one of its networks has a larger window and both have as many weights in
convolutions; it is about the weights if one has more of them and the windows are the same. Channels and hidden
width may differ besides, since by them the one is held and the other changed; nothing else may.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from cnn_study.analysis.compared import Comparison
from cnn_study.analysis.what_differs import Difference, choices
from cnn_study.report.kit.findings import Finding
from cnn_study.report.kit.wording import counted, counted_points, listed, points, span
from cnn_study.report.topics.studies.study import ComparedStudy
from cnn_study.report.topics.studies.verdicts import kind_of

NAMED = 6  # controls about one of the two; of more, how many
MEANS = {"channels", "hidden width"}
# By what differs besides the means.
SIDES = {
    "window": "A larger window with about the same number of weights in convolutions",
    "weights in convolutions": "More weights in convolutions with the same window",
}
KINDS = {
    "better": "more accurate",
    "worse": "less accurate",
    "equivalent": "equivalent within {margin}",
    "not decided": "not decided",
    "one run": "no verdict (single run)",
    "no variation": "no verdict (no variation)",
    "not compared": "not compared",
}


def window_or_weights(study: ComparedStudy, pairs: Sequence[Comparison]) -> Finding | None:
    """Which networks each of the two makes more accurate.

    None unless every pair is about one of them, and each of them has a pair: then one sentence names all controls,
    as of any topic. A pair of which ``against`` has the larger window, or more weights, counts turned round.
    """
    sides: dict[str, list[Comparison]] = {side: [] for side in SIDES}
    for of, against in {frozenset((pair.of, pair.against)): (pair.of, pair.against) for pair in pairs}.values():
        found = _about(study.differing.get((of, against), ()))
        if found is None:
            return None
        sides[found.what].append(study.judged[(of, against) if found.larger > 0 else (against, of)])
    if not all(sides.values()):
        return None
    counts = {side: Counter(map(kind_of, group)) for side, group in sides.items()}
    text = " ".join(
        f"{SIDES[side]}{_in_all(side, counts[side])}: {_counted(study, group, counts[side])}."
        for side, group in sides.items()
    )
    numbers = {
        "comparisons": {side: {"of": len(group), **counts[side]} for side, group in sides.items()},
        "pairs": [study.numbers_of(pair) for group in sides.values() for pair in group],
    }
    return study.finding("topic", text, numbers)


def _about(differences: Sequence[Difference]) -> Difference | None:
    """Of the one side that differs; None where it is none or both, no network has more of it, or more differs."""
    found = [one for one in choices(differences) if one.what not in MEANS]
    return found[0] if len(found) == 1 and found[0].what in SIDES and found[0].larger else None


def _in_all(side: str, counts: Mapping[str, int]) -> str:
    """What several comparisons of one side say together."""
    if counts.get("better"):
        return " (comparisons disagree)" if counts.get("worse") else ""
    several = sum(counts.values()) > 1 and counts.keys() & {"worse", "equivalent"}
    return f" {'is' if side == 'window' else 'are'} shown to help in no comparison" if several else ""


def _counted(study: ComparedStudy, group: Sequence[Comparison], counts: Mapping[str, int]) -> str:
    """More accurate for 5×5 against wide (+2.2 points); of many: in 3 of 8 comparisons (+0.1 to +0.9 points)."""
    if len(group) <= NAMED:
        return _named(study, group)
    parts: list[str] = []
    for kind, said in KINDS.items():
        if count := counts.get(kind):
            of_all = "" if parts else f" of {counted(len(group), 'comparison')}"
            between = _between(group, kind) if kind in ("better", "worse") else ""
            parts.append(f"{said.format(margin=counted_points(study.margin))} in {count}{of_all}{between}")
    return listed(parts)


def _named(study: ComparedStudy, group: Sequence[Comparison]) -> str:
    parts: list[str] = []
    last = ""  # what the pair before is compared with, which is not said again if it is the baseline
    for kind, said in KINDS.items():
        names: list[str] = []
        for pair in (pair for pair in group if kind_of(pair) == kind):
            unit = "" if parts or names else " points"
            size = "" if pair.points is None else f" ({points(pair.points)}{unit})"
            again = size and pair.against == last == study.spec.baseline
            against, last = "" if again else f" against {study.name(pair.against)}", pair.against
            names.append(f"{study.name(pair.of)}{against}{size}")
        if names:
            parts.append(f"{said.format(margin=counted_points(study.margin))} for {listed(names)}")
    return "; ".join(parts)


def _between(group: Sequence[Comparison], kind: str) -> str:
    found = [pair.points for pair in group if pair.points is not None and pair.verdict == kind]
    return f" ({span(points(min(found)), points(max(found)))} points)"
