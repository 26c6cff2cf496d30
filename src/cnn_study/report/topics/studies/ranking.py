"""Who is the most accurate: the members in a table, the winner, the runner-up, those that are not ranked."""

from typing import Any

from cnn_study.analysis.summaries import Summary
from cnn_study.analysis.variance import LEVEL
from cnn_study.report.kit.findings import CONCLUSIONS, SUMMARY, TIMING, Finding, source
from cnn_study.report.kit.page import Table
from cnn_study.report.kit.wording import (
    FAILURES,
    accuracy_within,
    counted,
    listed,
    mean_of,
    milliseconds,
    percent,
    points,
    rate,
    round_percent,
    times_within,
)
from cnn_study.report.topics.studies.differences import cell
from cnn_study.report.topics.studies.study import ComparedStudy, is_measured, rule_of

CANDIDATE = 0.05  # a probability of being the best from which a network is named


def members_table(study: ComparedStudy) -> Table:
    """Every member: accuracy, what it is against the baseline, cost."""
    balanced = any(study.summary[name].balanced_accuracy is not None for name in study.spec.members)
    against_baseline = {pair.of: pair for pair in study.comparison.against_baseline}
    rows = []
    for name, label in study.spec.members.items():
        summary = study.summary[name]
        trained = name in study.comparison.ranking
        rows.append(
            (
                label,
                accuracy_within(summary.test_accuracy) if trained else summary.status,
                *((_balanced(summary, trained),) if balanced else ()),
                "baseline" if name == study.spec.baseline else cell(against_baseline.get(name)),
                step_cell(study, name),
                f"{summary.parameters:,}",
                f"{summary.conv_parameters:,}",
                f"{summary.forward_flops / 1e6:.1f}",
                "–" if summary.training_flops is None else f"{summary.training_flops / 1e6:.1f}",
                rate(summary.learning_rate) + (", search cut off" if summary.learning_rate_at_edge else ""),
            )
        )
    return Table(
        f"{study.spec.title}: accuracy and cost",
        (
            "network", "test accuracy", *(("balanced accuracy",) if balanced else ()), "against the baseline",
            "training step", "parameters", "in convolutions", "MFLOPs", "MFLOPs in training", "learning rate",
        ),
        tuple(rows),
        source(f"{SUMMARY}, {CONCLUSIONS}, {TIMING}"),
        "Means over seeds with 95 % confidence intervals. A training step: its time, measured in turns, and the "
        f"ratio to the baseline's{_on(study)}. FLOPs: of one image, multiply and add counted as two, of a forward "
        "pass; in training of all passes, and the image's share of what the optimizer takes. An interval is of "
        "one comparison alone; a verdict accounts for all comparisons of all studies. Where the search for a rate "
        "was cut off, a better one may lie beyond those it tried.",
    )  # fmt: skip


def step_cell(study: ComparedStudy, name: str) -> str:
    """The time of a training step, and its ratio to the baseline's, in a table's cell."""
    step, ratio = study.timing[name].step, study.costs.ratio(name, study.spec.baseline)
    if step is None:
        return "–"
    return milliseconds(step.seconds) + ("" if ratio is None else f", {times_within(ratio)}")


def _on(study: ComparedStudy) -> str:
    machine = study.costs.machine(*study.spec.members)
    return f" ({machine})" if machine else ""


def _balanced(summary: Summary, trained: bool) -> str:
    return accuracy_within(summary.balanced_accuracy) if trained and summary.balanced_accuracy else "–"


def winner(study: ComparedStudy) -> list[Finding]:
    """Who has the highest mean, and what the comparison with the baseline says of it."""
    ranking, baseline = study.comparison.ranking, study.spec.baseline
    if not ranking:
        count = len(study.comparison.not_ranked)
        text = f"None is the most accurate: of {counted(count, 'network')}, none trained."
        return [study.finding("no_winner", text, {"networks": count})]
    winner = ranking[0]
    numbers: dict[str, Any] = {
        "winner": winner,
        "ranked": len(ranking),
        "test_accuracy": study.accuracy(winner).summary,
    }
    reached = accuracy_within(study.accuracy(winner))
    has = (
        f"has the highest mean test accuracy of {counted(len(ranking), 'ranked network')}{study.epochs}, {reached}"
        if len(ranking) > 1
        else f"is the only ranked network{study.epochs}, with a mean test accuracy of {reached}"
    )
    if winner == baseline:
        text = f"The baseline {study.name(winner)} {has}."
        return [study.finding("winner_is_baseline", text, numbers)]
    text = f"{study.name(winner)} {has}"
    against, name = study.against_baseline(winner), f"the baseline {study.name(baseline)}"
    if against is None:
        status = study.comparison.not_ranked.get(baseline)
        why = f", which {FAILURES[status]}" if status in FAILURES else ""
        text += f"; it is not compared with {name}{why}."
        return [study.finding("winner_not_compared", text, numbers)]
    rule = "winner" if against.verdict == "better" else f"winner_{rule_of(against)}"
    text += f"; {study.in_words(against, 'it', name)}."
    return [study.finding(rule, text, numbers | {"against_baseline": study.numbers_of(against)})]


def best(study: ComparedStudy) -> list[Finding]:
    """Whether the network with the highest mean may be called the best of its study."""
    found = study.comparison.best
    if found is None:
        return []
    name, chance = study.name(found.network), found.probability[found.network]
    numbers = {
        "budget": found.budget,
        "best": found.network,
        "p_value": found.p_value,
        "probability": found.probability,
    }
    sure = f"{percent(chance)} probability"
    if found.significant:
        text = (
            f"{name} is the most accurate of the study: the p-value against each of the others is below 0.05 "
            f"({sure} of being the best)."
        )
        return [study.finding("best", text, numbers | {"level": LEVEL})]
    likely = [one for one, share in found.probability.items() if share >= CANDIDATE]
    text = (
        f"Which network is the most accurate of the study is not decided: {name} has a {sure} of being so; a "
        f"probability of at least {round_percent(CANDIDATE)} have {listed([study.name(one) for one in likely])}."
    )
    return [study.finding("best_not_decided", text, numbers | {"candidate": CANDIDATE})]


def runner_up(study: ComparedStudy) -> list[Finding]:
    """Whether the second is less accurate than the first, where the study compares the two."""
    if len(study.comparison.ranking) < 2:
        return []
    first, second = study.comparison.ranking[:2]
    pair = [
        c
        for c in (*study.comparison.against_baseline, *study.comparison.controls)
        if {c.of, c.against} == {first, second} and is_measured(c)
    ]
    if pair:
        text = f"Winner and runner-up: {study.in_words(pair[0], *map(study.name, (pair[0].of, pair[0].against)))}."
        return [study.finding("runner_up_tested", text, study.numbers_of(pair[0]))]
    accuracies = {architecture: study.accuracy(architecture) for architecture in (first, second)}
    ahead = 100 * (mean_of(accuracies[first]) - mean_of(accuracies[second]))
    reached = listed([accuracy_within(accuracies[architecture]) for architecture in (first, second)])
    numbers = {"points": ahead, "test_accuracy": {name: of.summary for name, of in accuracies.items()}}
    text = (
        f"The means of {study.name(first)} and the runner-up {study.name(second)}, {reached}, differ by "
        f"{points(ahead)} points; the study does not test this pair."
    )
    return [study.finding("runner_up_not_tested", text, numbers)]


def not_ranked(study: ComparedStudy) -> list[Finding]:
    """Which members failed, and how many of their runs."""
    findings = []
    for member, status in study.comparison.not_ranked.items():
        runs = study.summary[member].statuses
        failed = {kind: runs.count(kind) for kind in FAILURES if kind in runs}
        parts = [f"{count} of {counted(len(runs), 'run')} {FAILURES[kind]}" for kind, count in failed.items()]
        text = f"{study.name(member)} is not ranked: {listed(parts)}."
        numbers = {"of": member, "status": status, "runs": len(runs), "failed": failed}
        findings.append(study.finding("not_ranked", text, numbers, SUMMARY))
    return findings
