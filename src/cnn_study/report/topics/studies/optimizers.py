"""Which conclusions hold under both optimizers: the pairs of a study beside those of the one that it mirrors."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import pandas as pd

from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.mirrors import Agreement, Decided, MirroredPair, common_budget, mirrored_pairs
from cnn_study.analysis.statistics import clipped
from cnn_study.analysis.what_differs import recipe_differences
from cnn_study.params.study import Study
from cnn_study.report.kit.findings import Finding, source
from cnn_study.report.kit.page import Table
from cnn_study.report.kit.wording import (
    MOST_CHANGE,
    MOST_POINTS,
    OPTIMIZERS,
    at_budget,
    counted,
    listed,
    named,
    points_cell,
    points_within,
)
from cnn_study.report.topics.studies.verdicts import verdict_in_a_cell

DATA = "plots/data/mirrors.csv"
IN_A_CELL: Mapping[Agreement, str] = {
    "same": "yes",
    "reversed": "reversed",
    "differs": "no",
    "not decided": "not decided",
}
COUNTED: Mapping[Agreement, str] = {
    "same": "the same",
    "reversed": "reversed",
    "differs": "not the same",
    "not decided": "not decided",
}
RELATIONS = {
    "better": "more accurate",
    "worse": "less accurate",
    "equivalent": "equivalent within the margin",
    "not decided": "not decided",
}
IN_A_SENTENCE: Mapping[Agreement, str] = {
    "same": "the conclusion is the same under both",
    "reversed": "the conclusion is reversed",
    "differs": "the conclusion is not the same under both",
    "not decided": "it is not decided whether the conclusion is the same under both",
}


@dataclass(frozen=True)
class Mirror:
    """A study ``key`` that mirrors another: its ``pairs`` beside those of their partners."""

    key: str
    evidence: Evidence

    @property
    def other(self) -> Study:
        """The study that it mirrors, under whose names the networks are shown."""
        return self.evidence.params.studies[self.evidence.params.studies[self.key].mirrors or ""]

    @cached_property
    def pairs(self) -> list[MirroredPair]:
        """Those that have been compared."""
        return mirrored_pairs(self.evidence, self.key)

    @property
    def ways(self) -> tuple[str, str]:
        """What training is called here and in the other study: the optimizer, or the title where it is one."""
        params = self.evidence.params
        here = params.studies[self.key]
        names = [OPTIMIZERS[params.trainings[study.baseline].recipe.optimizer] for study in (here, self.other)]
        return (names[0], names[1]) if len(set(names)) > 1 else (here.title, self.other.title)

    @property
    def title(self) -> str:
        """Of this study."""
        return self.evidence.params.studies[self.key].title

    @property
    def of_optimizers(self) -> bool:
        """Whether the two baselines are trained by different optimizers."""
        trainings, here = self.evidence.params.trainings, self.evidence.params.studies[self.key]
        return len({trainings[study.baseline].recipe.optimizer for study in (here, self.other)}) > 1

    @property
    def budget(self) -> int | None:
        """At which all is compared, in epochs; None where the networks share none."""
        return common_budget(self.evidence.params, self.key)

    def name(self, of: str, against: str) -> str:
        """Of a pair, by the names of its partners."""
        partners = self.evidence.params.partners(self.key)
        return " against ".join(named(partners[one], self.other) for one in (of, against))


def mirrors(evidence: Evidence) -> dict[str, Mirror]:
    """By study, of those that mirror another."""
    return {key: Mirror(key, evidence) for key, study in evidence.params.studies.items() if study.mirrors}


def mirrors_table(all_mirrors: Mapping[str, Mirror]) -> pd.DataFrame:
    """Each pair's ``points`` with interval, ``low`` to ``high``, and verdict; its partners', as ``partner_``.

    ``detectable``: the minimum detectable difference, in points.
    ``change``: the pair's difference less its partners', from ``change_low`` to ``change_high``.
    """
    rows = [
        {"study": key, "of": pair.of, "against": pair.against}
        | {"partner_of": pair.partners[0], "partner_against": pair.partners[1], "budget": pair.budget}
        | _columns(pair.here)
        | {f"partner_{column}": value for column, value in _columns(pair.there).items()}
        | {"agreement": pair.agreement, "change": pair.change}
        | _ends("change_low", "change_high", clipped(pair.change_interval, -MOST_CHANGE, MOST_CHANGE))
        for key, mirror in all_mirrors.items()
        for pair in mirror.pairs
    ]
    values = ("points", "low", "high", "verdict", "detectable")
    columns = ["study", "of", "against", "partner_of", "partner_against", "budget"]
    columns += [*values, *(f"partner_{column}" for column in values), "agreement"]
    columns += ["change", "change_low", "change_high"]
    return pd.DataFrame(rows, columns=columns)


def _columns(decided: Decided) -> dict[str, object]:
    ends = _ends("low", "high", clipped(decided.interval, -MOST_POINTS, MOST_POINTS))
    return {"points": decided.points} | ends | {"verdict": decided.verdict, "detectable": decided.detectable}


def _ends(low: str, high: str, interval: tuple[float, float] | None) -> dict[str, float | None]:
    return dict(zip((low, high), interval or (None, None), strict=True))


def under_both_table(mirror: Mirror) -> Table:
    """Every pair: what is found with each of the two recipes, and whether it is the same."""
    params = mirror.evidence.params
    here, there = mirror.ways
    baselines = (params.studies[mirror.key].baseline, mirror.other.baseline)
    differ = recipe_differences(*(params.trainings[name].recipe for name in baselines))
    changes = listed(
        [
            f"{one.what} ({OPTIMIZERS.get(one.of, one.of)}, not {OPTIMIZERS.get(one.against, one.against)})"
            for one in differ
        ]
    )
    names = [name for pair in params.partners(mirror.key).items() for name in pair]
    searched = all(params.trainings[name].learning_rate == "tuned" for name in names)
    own_rates = "; each network has a learning rate of its own" if searched else ""
    rows = [
        (
            mirror.name(pair.of, pair.against),
            *(
                f"{points_cell(one.points, one.interval)} {_cell(one, params.analysis.margin)}"
                for one in (pair.there, pair.here)
            ),
            points_cell(pair.change, pair.change_interval, MOST_CHANGE),
            IN_A_CELL[pair.agreement],
        )
        for pair in mirror.pairs
    ]
    return Table(
        f"Differences in percentage points{at_budget(mirror.budget)}, with {there} and with {here}",
        ("pair", there, here, "change", "same conclusion?"),
        tuple(rows),
        source(DATA),
        "With 95 % CIs, those of changes too, which are not corrected. A pair that is judged at this budget among "
        "all comparisons keeps that verdict; the others are corrected for all pairs of this table. The recipes of "
        f"the baselines differ in {changes or 'nothing'}{own_rates}.",
    )


def agreement(mirror: Mirror) -> Finding:
    """How many conclusions are the same under both; which, the table says."""
    here, there = mirror.ways
    counts = Counter(pair.agreement for pair in mirror.pairs)
    total = len(mirror.pairs)
    numbers = {"pairs": total, "budget": mirror.budget, "agreement": dict(counts)}
    if not total:
        text = f"Nothing could be compared between {there} and {here}."
        return Finding(text, mirror.key, "agreement_not_compared", numbers, DATA)
    first, *others = [(said, counts[one]) for one, said in COUNTED.items() if counts[one]]
    of_all = f"{first[1]} of {total} comparisons" if others else f"all {total} comparisons"
    parts = [
        f"{first[0]} for {of_all if total > 1 else 'the only comparison'}",
        *(f"{said} for {count}" for said, count in others),
    ]
    # As they are shown: what is rounded to 0 has no sign.
    opposite = sum(round(pair.there.points, 1) * round(pair.here.points, 1) < 0 for pair in mirror.pairs)
    changing = sum(pair.changes for pair in mirror.pairs)
    numbers |= {"opposite_signs": opposite, "changing": changing}
    said = f"the conclusion is {listed(parts)}"
    if set(counts) == {"not decided"}:
        which = f"decided for none of {total} comparisons" if total > 1 else "not decided for the only comparison"
        said = f"it is {which} whether the conclusion is the same"
    it_changes = f", and by 95 % CIs, not corrected, it changes in {changing}" if changing else ""
    text = (
        f"With {there} and with {here}{at_budget(mirror.budget)}, {said}; the difference has opposite signs in "
        f"{opposite or 'none'} of {total}{it_changes}."
    )
    return Finding(text, mirror.key, "agreement", numbers, DATA)


def under_both(mirror: Mirror) -> list[Finding]:
    """Which conclusions hold under both, which do not, and what is not decided or compared."""
    return [*(_concluded(mirror, pair) for pair in mirror.pairs), *_not_compared(mirror)]


def _concluded(mirror: Mirror, pair: MirroredPair) -> Finding:
    here, there = mirror.ways
    said = [
        f"with {way} {_relation(one)} ({points_within(one.points, one.interval)})"
        for way, one in ((there, pair.there), (here, pair.here))
    ]
    text = (
        f"{mirror.name(pair.of, pair.against)} at {counted(pair.budget, 'epoch')}: "
        f"{IN_A_SENTENCE[pair.agreement]}, {listed(said)}."
    )
    rule = f"under_both_{pair.agreement.replace(' ', '_')}"
    return Finding(text, mirror.key, rule, asdict(pair) | {"agreement": pair.agreement}, DATA)


def _relation(one: Decided) -> str:
    if one.verdict is None:
        return f"not decided, {'of a single run' if one.one_run else 'without variation between runs'}"
    small = one.smaller_than_margin and one.verdict in ("better", "worse")
    return RELATIONS[one.verdict] + (" by less than the margin" if small else "")


def _cell(one: Decided, margin: float) -> str:
    small = one.smaller_than_margin
    return verdict_in_a_cell(one.verdict, margin, one_run=one.one_run, smaller_than_margin=small)


def _not_compared(mirror: Mirror) -> list[Finding]:
    study = mirror.evidence.params.studies[mirror.key]
    compared = {pair.of for pair in mirror.pairs}
    missing = [name for name in study.members if name not in compared and name != study.baseline]
    why = "not all of the four networks have trained" if mirror.budget else "the networks share no training budget"
    return [
        Finding(
            f"{mirror.name(name, study.baseline)} is not compared under both{at_budget(mirror.budget)}, "
            f"since {why}.",
            mirror.key,
            "under_both_not_compared",
            {"of": name, "against": study.baseline, "budget": mirror.budget},
            DATA,
        )
        for name in missing
    ]
