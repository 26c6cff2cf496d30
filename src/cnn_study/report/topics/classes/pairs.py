"""Which two classes the most accurate network confuses most."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from cnn_study.analysis.statistics import equal_means
from cnn_study.analysis.summaries import Summary
from cnn_study.report.kit.findings import Finding
from cnn_study.report.kit.wording import Studies, counted, mean_of, percent, quoted, shown
from cnn_study.report.topics.classes.confusion import DATA


@dataclass(frozen=True)
class Confused:
    """Two classes: which share of the first's test images is taken for the second, and of the second's for it.

    ``pairs``: how many have as many mistakes as this one, which has ``mistakes``; the first share is the larger.
    """

    classes: tuple[str, str]
    shares: tuple[float, float]
    mistakes: int
    pairs: int

    @classmethod
    def of(cls, counts: pd.DataFrame) -> "Confused | None":
        """Of one network's ``actual``, ``predicted``, ``count``; None if it makes no mistake."""
        by_pair = {
            (str(row["actual"]), str(row["predicted"])): int(row["count"]) for row in counts.to_dict("records")
        }
        of_class: dict[str, int] = {}
        mistakes: dict[frozenset[str], int] = {}
        for (actual, predicted), count in by_pair.items():
            of_class[actual] = of_class.get(actual, 0) + count
            if actual != predicted and count:
                pair = frozenset((actual, predicted))
                mistakes[pair] = mistakes.get(pair, 0) + count
        if not mistakes:
            return None
        most = max(mistakes.values())
        largest = [pair for pair, count in mistakes.items() if count == most]

        def share(actual: str, predicted: str) -> float:
            return by_pair.get((actual, predicted), 0) / max(of_class.get(actual, 0), 1)

        one, other = sorted(largest[0])
        if share(one, other) < share(other, one):
            one, other = other, one
        return cls((one, other), (share(one, other), share(other, one)), most, len(largest))


def most_accurate(summary: Mapping[str, Summary]) -> str | None:
    """Of the networks that trained, the one with the highest mean test accuracy; None if none trained."""
    trained = [name for name, one in summary.items() if one.status == "trained"]
    return max(trained, key=lambda name: mean_of(summary[name].test_accuracy), default=None)


def are_tied(name: str, summary: Mapping[str, Summary]) -> bool:
    """Whether another network that trained has the mean test accuracy of this one."""
    mean = mean_of(summary[name].test_accuracy)
    others = [one for other, one in summary.items() if other != name and one.status == "trained"]
    return any(equal_means(mean_of(one.test_accuracy), mean) for one in others)


def confused_finding(
    name: str, confused: Confused | None, trained: int, studies: Studies, *, tied: bool = False
) -> Finding:
    """What the most accurate of so many networks confuses; ``tied``: whether another is as accurate."""
    article = "A" if tied else "The"
    best = f"{article} network with the highest mean test accuracy" if trained > 1 else "The network that trained"
    who = f"{best}, {shown(name, studies)},"
    numbers: dict[str, object] = {"of": name, "networks": trained}
    if confused is None:
        numbers["mistakes"] = 0
        return Finding(f"{who} makes no mistake.", "classes", "no_mistakes", numbers, DATA)
    numbers |= {"mistakes": confused.mistakes, "pairs": confused.pairs}
    if confused.pairs > 1:
        each = counted(confused.mistakes, "mistake")
        text = f"{who} confuses {confused.pairs} pairs of classes most, all equally often: {each} in each."
        return Finding(text, "classes", "confused_alike", numbers, DATA)
    one, other = map(quoted, confused.classes)
    first, second = confused.shares
    text = (
        f"{who} confuses {one} and {other} most: it takes {percent(first)} of {one} images for {other}, and "
        f"{percent(second)} of {other} images for {one}."
    )
    return Finding(
        text,
        "classes",
        "confused_most",
        numbers | {"shares": dict(zip(confused.classes, confused.shares, strict=True))},
        DATA,
    )


def title_of(name: str, confused: Confused | None, studies: Studies, *, tied: bool = False) -> str:
    """The same, as the title of the figure of that network."""
    if confused is None:
        found = "no test image is taken for another class"
    elif confused.pairs > 1:
        found = "what test images are taken for"
    else:
        one, other = map(quoted, confused.classes)
        found = f"{one} and {other} are confused most"
    return f"{shown(name, studies)}, {'a' if tied else 'the'} network with the highest mean: {found}"
