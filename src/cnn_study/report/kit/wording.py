"""How sentences and tables write numbers and names: each kind in one way, without false digits."""

import math
from collections.abc import Collection, Mapping, Sequence

from cnn_study.analysis.costs import Ratio
from cnn_study.analysis.statistics import Estimate, clipped, significant
from cnn_study.analysis.summaries import Summary
from cnn_study.params.study import Study
from cnn_study.sources.datasets import FOLDER
from cnn_study.sources.prepared import Prepared

MOST_POINTS = 100.0  # by which two accuracies differ
MOST_CHANGE = 2 * MOST_POINTS  # of a difference
NAMED = 3  # networks in a sentence or a title; of more, how many
MOST_CLASSES = 30  # in a chart or a table, where each can be read
FAILURES = {"collapsed": "collapsed (stayed at chance)", "diverged": "diverged (the loss was not finite)"}

Studies = Mapping[str, Study]
DATASETS = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "fashion_mnist": "a part of Fashion-MNIST",
    "folder": "pictures from a folder",
}
OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "muon": "Muon"}


def images_in_words(dataset: str, prepared: Prepared) -> str:
    """What the networks were trained and tested on: CIFAR-10; 1,200 images of 4 classes."""
    if dataset == FOLDER:
        return f"{counted(prepared.images, 'image')} of {counted(prepared.classes, 'class')}"
    return DATASETS[dataset]


def points(difference: float) -> str:
    """A difference in percentage points, signed: +0.3, −0.3; what is rounded to 0 has no sign."""
    return f"{difference:+.1f}".replace("-", "−") if round(difference, 1) else "0.0"


def points_within(difference: float, interval: tuple[float, float] | None, most: float = MOST_POINTS) -> str:
    """With its 95 % confidence interval: +0.3 points, 95 % CI −0.1 to +0.7; ``most``: that it can be."""
    ci95 = clipped(interval, -most, most)
    within = "" if ci95 is None else f", 95 % CI {points(ci95[0])} to {points(ci95[1])}"
    return f"{points(difference)} points{within}"


def points_cell(difference: float, interval: tuple[float, float] | None, most: float = MOST_POINTS) -> str:
    """The same for a table's cell, whose column says what it is: +0.3 [−0.1, +0.7]."""
    ci95 = clipped(interval, -most, most)
    within = "" if ci95 is None else f" [{points(ci95[0])}, {points(ci95[1])}]"
    return points(difference) + within


def counted_points(number: float) -> str:
    """A number of points that was set, not measured: 1 point, 0.5 points."""
    return f"{number:g} point" if number == 1 else f"{number:g} points"


def percent(fraction: float) -> str:
    """A fraction as 82.1 %."""
    return f"{100 * fraction:.1f} %"


def chance(probability: float) -> str:
    """A probability by draws, without digits that they do not have: 62 %, over 99 %."""
    rounded = round(100 * probability)
    return "over 99 %" if rounded > 99 else "under 1 %" if rounded < 1 else f"{rounded} %"


def round_percent(fraction: float) -> str:
    """A fraction that was set, not measured, as 80 %."""
    return f"{100 * fraction:g} %"


def accuracy_within(accuracy: Estimate) -> str:
    """A mean of fractions with its 95 % interval: 82.1 % [81.9, 82.3]."""
    ci95 = clipped(accuracy.ci95, 0, 1)
    return percent(mean_of(accuracy)) + ("" if ci95 is None else f" [{100 * ci95[0]:.1f}, {100 * ci95[1]:.1f}]")


def times(ratio: float) -> str:
    """A ratio: 12×, 1.6×, 0.62×, 0.031×."""
    if ratio < 1:
        return f"{significant(ratio, 2, zeros=True)}×"
    return f"{ratio:.0f}×" if ratio >= 10 else f"{ratio:.1f}×"


def pixels(length: float) -> str:
    """A length in an image: 2.31."""
    return f"{length:.2f}".replace("-", "−")


def pixels_within(length: Estimate, signed: bool = False) -> str:
    """A mean of lengths with its 95 % interval: 2.31 [2.05, 2.57]; of changes, with their signs."""
    write, lowest = (pixel_change, -math.inf) if signed else (pixels, 0.0)
    ci95 = clipped(length.ci95, lowest)
    return write(mean_of(length)) + ("" if ci95 is None else f" [{write(ci95[0])}, {write(ci95[1])}]")


def pixel_change(length: float) -> str:
    """How much a length changes: +0.31, −0.31."""
    return f"{round(length, 2) + 0.0:+.2f}".replace("-", "−")


def duration(seconds: float) -> str:
    """In the unit that people use: 0.052 s, 5.2 s, 52 s, 1 min, 10 min, 2.5 h."""
    if 0 < seconds < 1:
        return f"{significant(seconds, 2)} s"
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{significant(minutes, 2)} min" if minutes < 60 else f"{significant(minutes / 60, 2)} h"


def milliseconds(duration: float) -> str:
    """A duration in seconds: 132 ms, 13.2 ms, 1.32 ms."""
    thousandths = 1000 * duration
    return f"{thousandths:.0f} ms" if thousandths >= 100 else f"{significant(thousandths, 3)} ms"


def times_within(ratio: Ratio) -> str:
    """A ratio with its 95 % interval: 1.62× [1.58, 1.66]."""
    low, high = ratio.ci95
    return f"{hundredths(ratio.ratio)}× [{hundredths(low)}, {hundredths(high)}]"


def hundredths(ratio: float) -> str:
    """A ratio to two digits behind the point, or two that say something: 1.62, 0.031."""
    return f"{ratio:.2f}" if ratio >= 0.1 else significant(ratio, 2)


def mean_of(estimate: Estimate) -> float:
    """The mean of something that has been measured."""
    if estimate.mean is None:
        raise ValueError(f"found {estimate}, allowed: an estimate with a mean")
    return estimate.mean


def rate(learning_rate: float) -> str:
    """A learning rate: 0.2, 0.0003, 0.00001."""
    return significant(learning_rate, 6)


def counted(count: int, noun: str) -> str:
    """1 seed, 3 seeds, 1,200 images, 2 classes."""
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}{'es' if noun.endswith('s') else 's'}"


def at_budget(budget: int | None) -> str:
    """With a space before it, at 8 epochs; empty where there is nothing to say."""
    return "" if budget is None else f" at {counted(budget, 'epoch')}"


def from_to(counts: Collection[int], noun: str) -> str:
    """3 seeds; 2 or 3 seeds; 2 to 4 seeds."""
    low, high = min(counts), max(counts)
    between = "or" if high == low + 1 else "to"
    return counted(high, noun) if low == high else f"{low} {between} {counted(high, noun)}"


def span(low: object, high: object) -> str:
    """2 to 7; of two that are written alike 2."""
    return " to ".join(dict.fromkeys((str(low), str(high))))


def listed(parts: Sequence[str]) -> str:
    """A, B and C."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def listed_or_counted(networks: Sequence[str]) -> str:
    """A, B and C; of more than NAMED: 5 networks."""
    return listed(networks) if len(networks) <= NAMED else counted(len(networks), "network")


def capitalized(text: str) -> str:
    """A question, say, at the beginning of a sentence; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def quoted(name: str) -> str:
    """A name; in quotation marks where its comma, semicolon or "and" would tear the sentence apart."""
    return f"“{name}”" if any(mark in name for mark in (",", ";", " and ")) else name


def named(architecture: str, study: Study) -> str:
    """The name that the study shows for it; its own where the study has none."""
    return quoted(study.members.get(architecture, architecture))


def shown(architecture: str, studies: Studies) -> str:
    """The names that the studies show for it: 3×3 (also 2 layers); its own where none names it."""
    members = [study.members[architecture] for study in studies.values() if architecture in study.members]
    others = [quoted(name) for name in dict.fromkeys(members) if name != members[0]]
    first = quoted(first_name(architecture, studies))
    return f"{first} (also {listed(others)})" if others else first


def first_name(architecture: str, studies: Studies, others: Collection[str] = ()) -> str:
    """The name that the first study which has it shows; with the study's title where others are called the same.

    ``others``: architectures that no study names, which are shown by their keys.
    """
    for study in studies.values():
        if name := study.members.get(architecture):
            same = {one for other in studies.values() for one, shown in other.members.items() if shown == name}
            return name if same == {architecture} and name not in others else f"{name} ({study.title})"
    return architecture


def with_status(architecture: str, summaries: Mapping[str, Summary], studies: Studies) -> str:
    """As ``shown``, and what became of it where it has not trained: 3×3 (collapsed)."""
    status = summaries[architecture].status
    return shown(architecture, studies) + ("" if status == "trained" else f" ({status})")


def at_own_largest(summaries: Mapping[str, Summary]) -> str:
    """For the note of a table of all networks, where their largest budgets differ."""
    budgets = sorted({summary.budget for summary in summaries.values()})
    if len(budgets) < 2:
        return ""
    return f" Each network at its largest budget ({' or '.join(map(str, budgets))} epochs)."
