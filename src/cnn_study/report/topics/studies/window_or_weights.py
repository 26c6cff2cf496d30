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
    "window": "larger window with about the same number of weights in convolutions",
    "weights in convolutions": "larger number of weights in convolutions with the same window",
}
# Of networks and what they are compared with.
KINDS = {
    "better": "more accurate than {against}",
    "worse": "less accurate than {against}",
    "equivalent": "equivalent to {against} within {margin}",
    "not decided": "not shown to differ from {against}",
    "one run": "without a verdict (single run) against {against}",
    "no variation": "without a verdict (no variation) against {against}",
    "not compared": "not compared with {against}",
}
# The same of many, which are counted.
IN_COMPARISONS = {
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
        f"{_lead(SIDES[side], counts[side])}: {_counted(study, group, counts[side])}."
        for side, group in sides.items()
    )
    numbers = {
        "comparisons": {side: {"of": len(group), **counts[side]} for side, group in sides.items()},
        "pairs": [study.numbers_of(pair) for group in sides.values() for pair in group],
    }
    return study.finding("topic", text, numbers)


def changes_with_weights(study: ComparedStudy) -> list[str]:
    """What differs in every control that is about weights in convolutions, besides these."""
    pairs = [(control.of, control.against) for control in study.spec.controls]
    besides = [
        [one.what for one in choices(differing) if one.what in MEANS]
        for differing in (study.differing.get(pair, ()) for pair in pairs)
        if (found := _about(differing)) is not None and found.what == "weights in convolutions"
    ]
    return [what for what in (besides or [[]])[0] if all(what in others for others in besides)]


def _about(differences: Sequence[Difference]) -> Difference | None:
    """Of the one side that differs; None where it is none or both, no network has more of it, or more differs."""
    found = [one for one in choices(differences) if one.what not in MEANS]
    return found[0] if len(found) == 1 and found[0].what in SIDES and found[0].larger else None


def _lead(side: str, counts: Mapping[str, int]) -> str:
    """What several comparisons of one side say together."""
    if counts.get("better"):
        return f"A {side}{' (comparisons disagree)' if counts.get('worse') else ''}"
    several = sum(counts.values()) > 1 and counts.keys() & {"worse", "equivalent"}
    return f"No {side} is shown to help" if several else f"A {side}"


def _counted(study: ComparedStudy, group: Sequence[Comparison], counts: Mapping[str, int]) -> str:
    """5×5 (+2.2 points) is more accurate than wide, or more accurate in 3 of 8 comparisons (+0.1 to +0.9)."""
    if len(group) <= NAMED:
        return _named(study, group)
    parts: list[str] = []
    for kind, said in IN_COMPARISONS.items():
        if count := counts.get(kind):
            of_all = "" if parts else f" of {counted(len(group), 'comparison')}"
            between = _between(group, kind) if kind in ("better", "worse") else ""
            parts.append(f"{said.format(margin=counted_points(study.margin))} in {count}{of_all}{between}")
    return listed(parts)


def _named(study: ComparedStudy, group: Sequence[Comparison]) -> str:
    """A part for each verdict and each network that others are compared with."""
    alike: dict[tuple[str, str], list[str]] = {}
    unit = " points"
    for kind in KINDS:
        for pair in (pair for pair in group if kind_of(pair) == kind):
            size = ""
            if pair.points is not None:
                size, unit = f" ({points(pair.points)}{unit}{study.budget_of(pair)})", ""
            alike.setdefault((kind, pair.against), []).append(f"{study.name(pair.of)}{size}")
    return "; ".join(
        f"{listed(names)} {'is' if len(names) == 1 else 'are'} "
        + KINDS[kind].format(against=study.name(against), margin=counted_points(study.margin))
        for (kind, against), names in alike.items()
    )


def _between(group: Sequence[Comparison], kind: str) -> str:
    found = [pair.points for pair in group if pair.points is not None and pair.verdict == kind]
    return f" ({span(points(min(found)), points(max(found)))} points)"
