"""What is said of receptive fields."""

from collections.abc import Mapping, Sequence
from typing import Any

from cnn_study.analysis.results import Result
from cnn_study.analysis.statistics import CONFIDENCE, Estimate, side_of
from cnn_study.report.kit.findings import Finding
from cnn_study.report.kit.wording import (
    Studies,
    counted,
    listed,
    mean_of,
    pixels_within,
    round_percent,
    shown,
    span,
)
from cnn_study.report.topics.receptive_fields.tables import BY_LAYER, LayerField

CHANGES = {1: "grows", -1: "shrinks"}
VERBS = {1: "widens", -1: "narrows"}


def field_findings(
    fields: Mapping[str, Sequence[LayerField]], results: Mapping[str, Result], studies: Studies
) -> list[Finding]:
    """What a unit can see and what of it counts, what training changes, what the head sees.

    ``fields``: of all layers by architecture. Only networks that trained are counted by what counts and by what
    training changes.
    """
    last = {name: layers[-1] for name, layers in fields.items()}
    changes = {
        name: field.change for name, field in trained_of(last, results).items() if field.change.mean is not None
    }
    return [
        _sees(last, results),
        *([_changes(changes, studies)] if changes else []),
        _head(last, studies),
    ]


def trained_of(last: Mapping[str, LayerField], results: Mapping[str, Result]) -> dict[str, LayerField]:
    """Those of networks that trained, and whose unit some pixel moves."""
    return {
        name: field
        for name, field in last.items()
        if results[name].status == "trained" and field.deviation_trained.mean is not None
    }


def is_narrower(field: LayerField) -> bool:
    """Whether the influence after training is narrower than an even one, by its interval, if it has one."""
    after = field.deviation_trained
    return (mean_of(after) if after.ci95 is None else after.ci95[1]) < field.even


def title_of(last: Mapping[str, LayerField], results: Mapping[str, Result]) -> str:
    """What the fields of the last layers show."""
    trained = trained_of(last, results)
    narrower = sum(is_narrower(field) for field in trained.values())
    if not trained:
        return "What a unit of the last layer can see"
    if not narrower and len(trained) == 1:
        return "The middle of what a unit can see is not shown to count most"
    if not narrower:
        networks = counted(len(trained), "network")
        return f"In none of {networks} is the middle of what a unit can see shown to count most"
    if narrower == len(trained):
        where = "the network" if len(trained) == 1 else f"all {len(trained)} networks"
    else:
        where = f"{narrower} of {counted(len(trained), 'network')}"
    return f"The middle of what a unit can see counts most, in {where}"


def _sees(last: Mapping[str, LayerField], results: Mapping[str, Result]) -> Finding:
    """How large the fields are, and in how many networks their middle counts most."""
    sides = sorted({field.theoretical for field in last.values()})
    size = next(iter(last.values())).size
    numbers: dict[str, Any] = {"sides": [sides[0], sides[-1]], "size": size}
    text = f"A unit of the last feature map can see {span(*numbers['sides'])} pixels a side, of an image's {size}"
    trained = trained_of(last, results)
    if not trained:
        return Finding(f"{text}; none trained.", "receptive_fields", "sees", numbers, BY_LAYER)
    narrower = sum(is_narrower(field) for field in trained.values())
    seeds = all(field.deviation_trained.ci95 is None for field in trained.values())
    by = "one seed" if seeds else f"{round_percent(CONFIDENCE)} CIs"
    numbers |= {"networks": len(trained), "narrower": narrower} | ({} if seeds else {"confidence": CONFIDENCE})
    networks = counted(len(trained), "network")
    if narrower:
        where = "The" if len(trained) == 1 else f"In {narrower} of {networks} the"
        text += f". {where} middle of that counts most: influence spreads less"
    else:
        text += (
            ". The middle of that is not shown to count most in the network"
            if len(trained) == 1
            else f". In none of {networks} is the middle of that shown to count most"
        )
        text += ": influence that spreads less"
    text += f" than if all pixels counted alike, by {by}."
    return Finding(text, "receptive_fields", "counts_most", numbers, BY_LAYER)


def _head(last: Mapping[str, LayerField], studies: Studies) -> Finding:
    """What all units of the last feature map, which the dense head reads, see together."""
    missed = {name: field.size - field.by_all for name, field in last.items() if field.by_all < field.size}
    whole = len(last) - len(missed)
    numbers: dict[str, Any] = {"networks": len(last), "whole": whole, "missed": missed}
    text = (
        "The dense head reads all units of the last feature map: a receptive field bounds what one of them sees, "
        f"and not what the network does. Together they see the whole image in {whole} of "
        f"{counted(len(last), 'network')}"
    )
    if missed:
        text += "; they miss " + listed(
            [
                f"{counted(count, 'row')} and as many columns in {shown(name, studies)}"
                for name, count in missed.items()
            ]
        )
    return Finding(f"{text}.", "receptive_fields", "head_part" if missed else "head_whole", numbers, BY_LAYER)


def direction(change: Estimate) -> int | None:
    """1 where a change's interval lies above 0, -1 below, 0 where it has 0 in it; None without an interval."""
    return None if change.ci95 is None else side_of(change.ci95, 0)


def _changes(changes: Mapping[str, Estimate], studies: Studies) -> Finding:
    means = {name: mean_of(change) for name, change in changes.items()}
    of_each = {name: one.summary for name, one in changes.items()}
    numbers: dict[str, Any] = {"networks": len(changes), "changes": of_each}
    what = "the effective receptive field of the last feature map (a standard deviation)"
    judged = {name: found for name, change in changes.items() if (found := direction(change)) is not None}
    if not judged:
        low, high = min(means, key=lambda name: means[name]), max(means, key=lambda name: means[name])
        to = f" to {pixels_within(changes[high], signed=True)} in {shown(high, studies)}" if low != high else ""
        text = (
            f"Training changes {what} by {pixels_within(changes[low], signed=True)} pixels in "
            f"{shown(low, studies)}{to}; one seed has no interval."
        )
        return Finding(text, "receptive_fields", "fields_of_one_seed", numbers, BY_LAYER)
    parts = {}
    for sign in VERBS:
        names = [name for name, found in judged.items() if found == sign]
        numbers[CHANGES[sign]] = len(names)
        parts[sign] = ""
        if names:
            most = max(names, key=lambda name: abs(means[name]))
            parts[sign] = f" (most in {shown(most, studies)}: {pixels_within(changes[most], signed=True)} pixels)"
    numbers |= {"judged": len(judged), "confidence": CONFIDENCE}
    each = f"by {round_percent(CONFIDENCE)} CIs over seeds, not corrected for their number"
    first, second = sorted(VERBS, key=lambda sign: -numbers[CHANGES[sign]])
    text = (
        f"Training {VERBS[first]} {what} in {numbers[CHANGES[first]]} of {counted(len(judged), 'network')}"
        f"{parts[first]} and {VERBS[second]} it in {numbers[CHANGES[second]] or 'none'}{parts[second]}, {each}."
    )
    if not (numbers[CHANGES[1]] or numbers[CHANGES[-1]]):
        networks = counted(len(judged), "network")
        text = f"Training changes {what} significantly in none of {networks}, {each}."
    return Finding(text, "receptive_fields", "fields_change", numbers, BY_LAYER)
