"""The first screen: a sentence for each question, by rule, from the comparisons of the table below it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cnn_study.analysis.compared import Comparison
from cnn_study.analysis.mirrors import Agreement, MirroredPair
from cnn_study.analysis.statistics import clipped
from cnn_study.report.kit.findings import CONCLUSIONS, Finding
from cnn_study.report.kit.page import Answer
from cnn_study.report.kit.wording import (
    FAILURES,
    MOST_CHANGE,
    MOST_POINTS,
    capitalized,
    counted,
    counted_points,
    duration,
    listed,
    points,
    points_within,
    quoted,
    span,
)
from cnn_study.report.topics.studies.frontier import Frontier, rounded_up
from cnn_study.report.topics.studies.optimizers import Mirror
from cnn_study.report.topics.studies.other_budgets import other_budgets
from cnn_study.report.topics.studies.study import ComparedStudy, pairs_of
from cnn_study.report.topics.studies.verdicts import kind_of
from cnn_study.report.topics.studies.what_differs import changes_with_depth, verb
from cnn_study.report.topics.studies.window_or_weights import changes_with_weights, window_or_weights

MOST = 8  # names in a group
# How a group of comparisons is said, by what is shown of them: members against the baseline, and controls.
MEMBERS = {
    "better": "more accurate{than}: ",
    "worse": "less accurate{than}: ",
    "equivalent": "equivalent{to} within {margin}: ",
    "not decided": "not decided{against}: ",
    "one run": "of a single run, which decides nothing{against}: ",
    "no variation": "without variation between runs, so not decided{against}: ",
    "not compared": "not compared{why}: ",
}
CONTROLS = {
    "better": "more accurate with ",
    "worse": "less accurate with ",
    "equivalent": "equivalent within {margin} with and without ",
    "not decided": "not decided whether more or less accurate with ",
    "one run": "of a single run, which decides nothing, with and without ",
    "no variation": "without variation between runs, so not decided, with and without ",
    "not compared": "not compared with and without ",
}
AGREEMENTS: Mapping[Agreement, str] = {
    "same": "the same conclusion for",
    "reversed": "the opposite for",
    "differs": "another conclusion for",
    "not decided": "not decided whether the conclusion is the same for",
}


@dataclass(frozen=True)
class Answered:
    """A question in a word or two, and the finding that answers it."""

    question: str
    finding: Finding

    @property
    def answer(self) -> Answer:
        """As the page has it."""
        return Answer(self.question, self.finding.sentence)


def answers(
    studies: Sequence[ComparedStudy], mirrors: Iterable[Mirror], frontier: Frontier, rates_for: int | None
) -> list[Answered]:
    """What every study finds, whether it holds elsewhere, which network to use, and what not to conclude.

    ``rates_for``: the epochs that learning rates were found for, if they were for some.
    """
    own = [study for study in studies if study.spec.mirrors is None]
    found = [one for study in own for one in (of_members(study, _elsewhere(study, own)), *of_topics(study))]
    by_budget = other_budgets(studies, rates_for)
    return [
        *found,
        *([Answered("Other budgets", by_budget)] if by_budget else []),
        *(of_mirror(mirror) for mirror in mirrors if mirror.pairs),
        *of_times(frontier),
        not_to_conclude(studies),
    ]


def _elsewhere(study: ComparedStudy, studies: Iterable[ComparedStudy]) -> str:
    """What the first study that has the baseline calls it, in brackets, where that is another name."""
    baseline = study.spec.baseline
    first = next(one.name(baseline) for one in studies if baseline in one.spec.members)
    return "" if first == study.name(baseline) else f" ({first})"


def of_members(study: ComparedStudy, elsewhere: str = "") -> Answered:
    """Members against the baseline, but for those that a control compares with it, which have their own answer.

    ``elsewhere``: what stands behind the baseline's name, where another study has another.
    """
    pairs = study.unasked or study.comparison.against_baseline
    text = _grouped(study, MEMBERS, [(_named(study, pair), pair) for pair in pairs], elsewhere)
    if not pairs:
        text = f"{study.name(study.spec.baseline)} is the only network."
    elif not study.comparison.ranking:
        text = "No network trained in all of its runs."
    return Answered(study.spec.title, study.finding("members", text, _numbers(study, pairs)))


def of_topics(study: ComparedStudy) -> list[Answered]:
    """The controls, those of one topic in one answer."""
    pairs = {(pair.of, pair.against): pair for pair in study.comparison.controls}
    topics: dict[str, list[tuple[str, Comparison]]] = {}
    for control in study.spec.controls:
        topic = control.topic or control.question
        topics.setdefault(topic, []).append((control.question, pairs[control.of, control.against]))
    return [_of_topic(study, topic, asked) for topic, asked in topics.items()]


def _of_topic(study: ComparedStudy, topic: str, asked: Sequence[tuple[str, Comparison]]) -> Answered:
    if found := window_or_weights(study, [pair for _, pair in asked]):
        return Answered(topic, found)
    text = _grouped(study, CONTROLS, [(quoted(question), pair) for question, pair in asked])
    return Answered(topic, study.finding("topic", text, _numbers(study, [pair for _, pair in asked])))


def _grouped(
    study: ComparedStudy, words: Mapping[str, str], pairs: Sequence[tuple[str, Comparison]], elsewhere: str = ""
) -> str:
    """A sentence: what is shown of each pair, under its name, with the difference in points."""
    parts: list[str] = []
    for kind, said in words.items():
        group = [one for one in pairs if kind_of(one[1]) == kind]
        if group:
            baseline, status = study.name(study.spec.baseline), study.summary[study.spec.baseline].status
            why = f", since {baseline} {status}" if status in FAILURES else ""
            # The baseline is named once, by the first group.
            to_it = {word: "" if parts else f" {word} {baseline}{elsewhere}" for word in ("than", "to", "against")}
            said = said.format(margin=counted_points(study.margin), why=why, **to_it)
            parts.append(f"{said}{_listed(study, group, len(pairs))}")
    return f"{capitalized('; '.join(parts))}." if parts else ""


def _listed(study: ComparedStudy, group: Sequence[tuple[str, Comparison]], of_all: int) -> str:
    """The names with their differences, the first with the unit; of many, how many and between which."""
    if len(group) > MOST:
        found = [pair.points for _, pair in group if pair.points is not None]
        between = f" ({span(points(min(found)), points(max(found)))} points)" if found else ""
        smaller = any(study.budget_of(pair) for _, pair in group)
        return f"{len(group)} of {of_all}{between}{', each at its largest budget' if smaller else ''}"
    if of_all == 1:
        [(name, pair)] = group
        if pair.points is None:
            return name
        return f"{name} ({points_within(pair.points, pair.interval)}{study.budget_of(pair)})"
    return listed([f"{name}{_size(study, pair, place == 0)}" for place, (name, pair) in enumerate(group)])


def of_mirror(mirror: Mirror) -> Answered:
    """Which conclusions are the same with another recipe."""
    here, there = mirror.ways
    parts = []
    for agreement, said in AGREEMENTS.items():
        names = [
            f"{mirror.name(pair.of, pair.against)} ({_from_there_to_here(pair)})"
            for pair in mirror.pairs
            if pair.agreement == agreement
        ]
        if names:
            parts.append(f"{said} {listed(names)}")
    if changing := [mirror.name(pair.of, pair.against) for pair in mirror.pairs if pair.changes]:
        parts.append(f"by 95 % CIs, not corrected, the difference itself changes for {listed(changing)}")
    unseen = [pair.here.detectable for pair in mirror.pairs if pair.here.verdict == "not decided"]
    if sizes := sorted(size for size in unseen if size is not None):
        ends = (
            f"{size:.1f}" if size <= MOST_POINTS else f"over {MOST_POINTS:g}" for size in (sizes[0], sizes[-1])
        )
        parts.append(f"the minimum detectable difference with {here} is {span(*ends)} points")
    where = f"With {here} instead of {there}, at {counted(mirror.budget or 0, 'epoch')}"
    text = f"{where}: {'; '.join(parts)}."
    found = [asdict(pair) | {"agreement": pair.agreement, "change": pair.change} for pair in mirror.pairs]
    numbers = {"budget": mirror.budget, "pairs": found}
    finding = Finding(text, mirror.key, "mirrored", numbers, "plots/data/mirrors.csv")
    return Answered("Another optimizer" if mirror.of_optimizers else mirror.title, finding)


def _from_there_to_here(pair: MirroredPair) -> str:
    """+1.3 → +0.0 points, 95 % CI of the change −1.9 to −0.8."""
    text = f"{points(pair.there.points)} → {points(pair.here.points)} points"
    ci95 = clipped(pair.change_interval, -MOST_CHANGE, MOST_CHANGE)
    if ci95 is None:
        return text
    return f"{text}, 95 % CI of the change {points(ci95[0])} to {points(ci95[1])}"


def of_times(frontier: Frontier) -> list[Answered]:
    """The most accurate network for a time of training."""
    chosen = frontier.by_time()
    if not chosen:
        return []
    last, longest = chosen[-1][0], duration(rounded_up(max(point.seconds for point in frontier.points)))
    times = [time for time, _ in chosen[:-1]] + [last if last == longest else f"{last} to {longest}"]
    parts = [
        f"in {time}, {quoted(point.name)} for {counted(point.budget, 'epoch')} ({point.percent} after "
        f"{duration(point.seconds)})"
        for time, (_, point) in zip(times, chosen, strict=True)
    ]
    text = (
        f"By means alone, the highest test accuracy of what was tried: {'; '.join(parts)}. Times are "
        f"those of training steps on {frontier.machine}."
    )
    networks = {
        time: {"of": point.architecture, "budget": point.budget, "test_accuracy": point.accuracy}
        for time, point in chosen
    }
    numbers = {"machine": frontier.machine, "networks": networks}
    return [Answered("Which network", Finding(text, "answer", "times", numbers, frontier.data, timed=True))]


def not_to_conclude(studies: Sequence[ComparedStudy]) -> Answered:
    """What a reader might take from the answers, and is not shown."""
    pairs = [pair for _, pair in pairs_of(studies)]
    undecided = [pair for pair in pairs if kind_of(pair) in ("not decided", "one run", "no variation")]
    parts: list[str] = []
    numbers: dict[str, Any] = {"undecided": len(undecided), "comparisons": len(pairs)}
    if undecided:
        parts.append(
            f"that networks are equally accurate where nothing is decided ({len(undecided)} of "
            f"{counted(len(pairs), 'comparison')})"
        )
    if any(pair.verdict in ("better", "worse") for pair in pairs):
        parts.append("that more accurate after equal epochs means more accurate after equal time")
    for study in studies:
        best = study.comparison.best
        if best is not None and study.best is None and len(study.leaders) == 1:
            parts.append(
                f"that {study.name(best.network)}, which has the highest mean, is the best of “{study.spec.title}”"
            )
            numbers[f"best of {study.key}"] = best.p_value
        if study.spec.mirrors is None and (others := changes_with_depth(study)):
            parts.append(
                f"that depth alone matters in “{study.spec.title}”, since {listed(others)} "
                f"{verb('change', others)} with it wherever it differs"
            )
            numbers[f"changes of {study.key}"] = others
        if study.spec.mirrors is None and (others := changes_with_weights(study)):
            parts.append(
                f"that weights in convolutions alone matter in “{study.spec.title}”, since with the same window "
                f"{listed(others)} {verb('change', others)} with them"
            )
            numbers[f"changes with weights of {study.key}"] = others
    parts.append("anything about longer training, other images or a recipe that was not tried")
    return Answered(
        "What not to conclude",
        Finding(f"{capitalized('; '.join(parts))}.", "answer", "not_to_conclude", numbers, CONCLUSIONS),
    )


def _named(study: ComparedStudy, pair: Comparison) -> str:
    status = study.summary[pair.of].status
    return study.name(pair.of) + (f" ({status})" if status in FAILURES else "")


def _size(study: ComparedStudy, pair: Comparison, first: bool) -> str:
    """The difference in brackets; the first of a list names the unit."""
    if pair.points is None:
        return ""
    return f" ({points(pair.points)}{' points' if first else ''}{study.budget_of(pair)})"


def _numbers(study: ComparedStudy, pairs: Sequence[Comparison]) -> dict[str, Any]:
    return {"pairs": [study.numbers_of(pair) for pair in pairs]}
