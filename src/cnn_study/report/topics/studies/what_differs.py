"""What the two networks of each comparison differ in: a table of all pairs, and in brackets for a sentence.

"Alone" is said here, and nowhere else in a study: of a pair in which exactly one thing differs.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from cnn_study.analysis.what_differs import Difference, alone, choices, consequences
from cnn_study.report.kit.findings import TIMING_CONCLUSIONS, source
from cnn_study.report.kit.page import Table
from cnn_study.report.kit.wording import listed, times_within
from cnn_study.report.topics.studies.study import ComparedStudy

DATA = "plots/data/what_differs.csv"
LAYERS = "layers"


def differing_table(studies: Iterable[ComparedStudy]) -> pd.DataFrame:
    """Each thing (``what``) that differs in a pair, with both values; ``kind``: choice or consequence."""
    rows = [
        {
            "study": study.key,
            "of": of,
            "against": against,
            "what": one.what,
            "value_of": one.of,
            "value_against": one.against,
            "kind": "consequence" if one.follows else "choice",
        }
        for study in studies
        for (of, against), differences in study.differing.items()
        for one in differences
    ]
    return pd.DataFrame(rows, columns=["study", "of", "against", "what", "value_of", "value_against", "kind"])


def what_differs_table(study: ComparedStudy) -> Table:
    """Every pair of the study: what a control asks, both values of what differs, the ratio of times."""
    names = study.spec.members
    asked = {(control.of, control.against): control.question for control in study.spec.controls}
    ratios = {pair: study.costs.ratio(*pair) for pair in study.differing}
    timed = any(ratios.values())
    unit = study.costs.unit(*(name for pair in study.differing for name in pair))
    rows = [
        (
            f"{names.get(of, of)} − {names.get(against, against)}",
            *((asked.get((of, against), ""),) if asked else ()),
            _values(choices(found)),
            _values(consequences(found)),
            *(("–" if (ratio := ratios[of, against]) is None else times_within(ratio),) if timed else ()),
        )
        for (of, against), found in study.differing.items()
    ]
    return Table(
        f"{study.spec.title}: what differs in each comparison",
        (
            "comparison",
            *(("question",) if asked else ()),
            "what differs",
            "what follows from it",
            *((f"time of a {unit}, ratio",) if timed else ()),
        ),
        tuple(rows),
        source(f"{DATA}, {TIMING_CONCLUSIONS}" if timed else DATA),
        "Values of the second network → those of the first, from params.yaml. Numbers of weights within 1 % of "
        "each other count as equal; a learning rate follows where the same search has found it for each network.",
    )


def in_brackets(differences: Sequence[Difference]) -> str:
    """For a sentence about a pair: (window alone differs), (channels and hidden width differ)."""
    if one := alone(differences):
        return f" ({one.what} alone {verb('differ', [one.what])})"
    names = [one.what for one in choices(differences)]
    return f" ({listed(names)} {verb('differ', names)})" if names else ""


def verb(plural: str, things: Sequence[str]) -> str:
    """What these do: window differs, window and channels differ, weights in convolutions differ."""
    several = len(things) > 1 or any(thing.split()[0].endswith("s") for thing in things)
    return plural if several else f"{plural}s"


def changes_with_depth(study: ComparedStudy) -> list[str]:
    """The choices that differ beside the number of layers in every pair in which that differs, of two or more."""
    chosen = [[one.what for one in choices(differences)] for differences in study.differing.values()]
    found = [[what for what in pair if what != LAYERS] for pair in chosen if LAYERS in pair]
    return [what for what in found[0] if all(what in others for others in found)] if len(found) > 1 else []


def _values(differences: Iterable[Difference]) -> str:
    return "; ".join(_value(one) for one in differences) or "–"


def _value(one: Difference) -> str:
    return f"{one.what} {_change(one)}"


def _change(one: Difference) -> str:
    return f"{one.against} → {one.of}"
