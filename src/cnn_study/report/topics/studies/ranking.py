"""Who is the most accurate: the members in a table, the one with the highest mean, those that failed."""

from collections import Counter
from typing import Any

from cnn_study.analysis.statistics import LEVEL
from cnn_study.report.kit.findings import SUMMARY, TIMING, TIMING_CONCLUSIONS, Finding, source
from cnn_study.report.kit.page import Table
from cnn_study.report.kit.wording import (
    NAMED,
    accuracy_within,
    at_budget,
    capitalized,
    chance,
    counted,
    listed,
    listed_or_counted,
    mean_of,
    milliseconds,
    percent,
    points_within,
    times_within,
)
from cnn_study.report.topics.studies.study import ComparedStudy
from cnn_study.training.records import Status

FAILED = {"collapsed": "collapsed to chance", "diverged": "diverged"}


def members_table(study: ComparedStudy) -> Table:
    """Every member: its accuracy and, where that was measured, the time of a training step over the baseline's.

    Or of a training image, where batches differ. How many seeds it has, where not all have as many.
    """
    members, baseline = study.spec.members, study.spec.baseline
    balanced = any(study.at_budget(name).balanced_accuracy is not None for name in members)
    timed = any(study.timing[name].step is not None for name in members)
    seeds = {name: len(study.at_budget(name).statuses) for name in members}
    unequal = len(set(seeds.values())) > 1
    rows = [
        (
            label,
            *((str(seeds[name]),) if unequal else ()),
            *_accuracies(study, name, balanced),
            *((_step(study, name),) if timed else ()),
        )
        for name, label in members.items()
    ]
    estimates = [study.accuracy(name) for name in study.comparison.ranking]
    over = "seeds" if unequal else counted(max(seeds.values(), default=0), "seed")
    own = "from each network's own seeds alone (those of differences draw on all networks)"
    means = f"Means over {over} with 95 % CIs {own}" if any(one.ci95 for one in estimates) else "Single runs"
    notes, step = [means] if estimates else [], study.timing[baseline].step
    if study.at_own_budgets:
        notes.append("each at its largest budget, since they share none")
    unit = study.costs.unit(*members)
    if step is not None:
        of_batch = "" if unit == "training step" else f", of {counted(step.batch_size, 'image')},"
        machine = study.costs.machine(baseline)
        notes.append(
            f"a training step of {study.name(baseline)}{of_batch} takes {milliseconds(step.seconds)} ({machine})"
        )
    return Table(
        f"{study.spec.title}: accuracy{' and training time' if timed else ''}",
        (
            "network",
            *(("seeds",) if unequal else ()),
            f"test accuracy{study.epochs}",
            *((f"balanced accuracy{study.epochs}",) if balanced else ()),
            *((f"{unit}, {members[baseline]} = 1",) if timed else ()),
        ),
        tuple(rows),
        source(f"{SUMMARY}, {TIMING}, {TIMING_CONCLUSIONS}" if timed else SUMMARY),
        f"{capitalized('; '.join(notes))}." if notes else "",
    )


def _accuracies(study: ComparedStudy, name: str, balanced: bool) -> tuple[str, ...]:
    if (status := study.comparison.not_ranked.get(name)) is not None:
        return (f"{status}{at_budget(_failed(study, name)[1])}", *(("–",) if balanced else ()))
    by_class = study.at_budget(name).balanced_accuracy
    of_classes = accuracy_within(by_class) if by_class is not None else "–"
    return (accuracy_within(study.accuracy(name)), *((of_classes,) if balanced else ()))


def _step(study: ComparedStudy, name: str) -> str:
    if study.timing[name].step is not None and name == study.spec.baseline:
        return "1×"
    ratio = study.costs.ratio(name, study.spec.baseline)
    return "–" if ratio is None else times_within(ratio)


def leader(study: ComparedStudy) -> Finding:
    """Who has the highest mean, and whether that is the best."""
    ranking = study.comparison.ranking
    if len(ranking) < 2:
        return _alone(study)
    if len(study.leaders) > 1:
        return _tie(study, study.leaders)
    name = ranking[0]
    found = study.comparison.best
    some = f"the {len(ranking)} networks that trained"
    of_all = (some if study.comparison.not_ranked else f"{len(ranking)} networks") + study.epochs
    reached = accuracy_within(study.accuracy(name))
    numbers: dict[str, Any] = {
        "of": name,
        "ranked": len(ranking),
        "budget": study.comparison.budget,
        "test_accuracy": study.accuracy(name).summary,
    }
    has = f"{study.name(name)} has the highest mean test accuracy of {of_all}, {reached}"
    if found is None:
        shared = study.comparison.budget is not None
        why = (
            "one run has no confidence interval"
            if shared
            else "they share no training budget, and each is taken at its own largest"
        )
        rule = "one_run" if shared else "no_shared_budget"
        return study.finding(rule, f"{has}; whether it is the best is not decided, since {why}.", numbers)
    numbers |= {"p_value": found.p_value, "probability": found.probability, "level": LEVEL}
    if study.best is not None:
        text = (
            f"{study.name(name)} is the most accurate of {of_all}, with a test accuracy of {reached} "
            f"(p < {LEVEL} against {'the other' if len(ranking) == 2 else 'each of the others'})."
        )
        return study.finding("best", text, numbers)
    second = study.name(list(found.probability)[1])
    lead = points_within(found.lead, found.lead_interval)
    sure = chance(found.probability[name])
    text = f"{has} ({lead} ahead of {second}); it is not shown to be the best (probability: {sure})."
    numbers |= {"lead": found.lead, "lead_interval": found.lead_interval}
    return study.finding("best_not_decided", text, numbers)


def _alone(study: ComparedStudy) -> Finding:
    """Of a study in which fewer than two networks trained."""
    members, ranking = study.spec.members, study.comparison.ranking
    if not ranking:
        text = (
            f"No network trained in all of its runs{study.epochs}."
            if len(members) > 1
            else f"{study.name(*members)}, the only network of this study, did not train."
        )
        return study.finding("none_trained", text, {"networks": len(members)})
    (name,) = ranking
    accuracy = study.accuracy(name)
    text = (
        f"Of {counted(len(members), 'network')} only {study.name(name)} trained{study.epochs}, with a test "
        "accuracy of "
        if len(members) > 1
        else f"{study.name(name)} is the only network of this study, with a test accuracy of "
    )
    numbers = {"of": name, "networks": len(members), "test_accuracy": accuracy.summary}
    return study.finding("only_one", f"{text}{accuracy_within(accuracy)}.", numbers)


def _tie(study: ComparedStudy, tied: list[str]) -> Finding:
    """Of means that are equal to the last digit."""
    ranked, mean = len(study.comparison.ranking), mean_of(study.accuracy(tied[0]))
    share = listed_or_counted([study.name(name) for name in tied])
    who = (
        f"{'Both' if ranked == 2 else f'All {ranked}'} networks have the same mean test accuracy"
        if len(tied) == ranked
        else f"{share} share the highest mean test accuracy of {ranked} networks"
    )
    text = f"{who}{study.epochs}, {percent(mean)}; which is the best is not decided."
    numbers = {"of": tied, "tied": len(tied), "ranked": ranked, "test_accuracy": mean}
    return study.finding("tie", text, numbers | {"budget": study.comparison.budget})


def failures(study: ComparedStudy) -> list[Finding]:
    """Which members failed, and how many of their runs; of many, how many."""
    members, failed = study.spec.members, study.comparison.not_ranked
    if not failed:
        return []
    found = {name: _failed(study, name) for name in failed}
    runs = {name: Counter(one for one in statuses if one in FAILED) for name, (statuses, _) in found.items()}
    of_all = {name: len(statuses) for name, (statuses, _) in found.items()}
    numbers = {
        "failed": len(failed),
        "networks": len(members),
        "status": failed,
        "runs": of_all,
        "budgets": {name: budget for name, (_, budget) in found.items() if budget is not None},
        "failed_runs": {name: dict(of_network) for name, of_network in runs.items()},
    }
    if len(failed) > NAMED:
        by_status = Counter(failed.values())
        kinds = [f"{count} {FAILED.get(status, status)}" for status, count in by_status.items()]
        text = f"Of {len(members)} networks, {listed(kinds)}; these are not ranked."
        return [study.finding("not_ranked", text, numbers | {"statuses": by_status}, SUMMARY)]
    by_how: dict[str, list[str]] = {}
    for name, of_network in runs.items():
        (status, count), *others = of_network.most_common()
        how = [f"{count} of {counted(of_all[name], 'run')} {FAILED[status]}"]
        how += [f"{more} {FAILED[kind]}" for kind, more in others]
        by_how.setdefault(listed(how) + at_budget(found[name][1]), []).append(study.name(name))
    parts = [f"{listed(names)} ({how}{', each' if len(names) > 1 else ''})" for how, names in by_how.items()]
    return [study.finding("not_ranked", f"Not ranked: {'; '.join(parts)}.", numbers, SUMMARY)]


def _failed(study: ComparedStudy, name: str) -> tuple[tuple[Status, ...], int | None]:
    """Why a member is not ranked: the statuses of its runs to its largest budget, or else to that of the ranking.

    And this budget, where it is to be said: not where all is about one.
    """
    summary, ranked = study.summary[name], study.comparison.budget
    if summary.status == "trained":
        return study.at_budget(name).statuses, ranked
    return summary.statuses, None if ranked in (None, summary.budget) else summary.budget
