"""What is said of receptive fields."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cnn_study.analysis.results import Result
from cnn_study.report.kit.findings import Finding
from cnn_study.report.kit.wording import FAILURES, Studies, counted, listed, percent, shown
from cnn_study.training.records import Status

DATA = "plots/data/receptive_fields_by_layer.csv"


def field_findings(fields: pd.DataFrame, results: Mapping[str, Result], studies: Studies) -> list[Finding]:
    """Whose effective field training changes most; then how much each network can see, and how much it uses.

    ``fields``: plots/data/receptive_fields_by_layer.csv, of which each architecture's last layer counts. Only
    networks that trained are ranked.
    """
    deepest = fields.sort_values("depth", kind="stable").drop_duplicates("architecture", keep="last")
    rows = {str(row["architecture"]): row for row in deepest.sort_index().to_dict("records")}
    changes = {
        name: int(row["effective_trained"]) - int(row["effective_untrained"])
        for name, row in rows.items()
        if results[name].status == "trained"
        and not pd.isna(row["effective_trained"])
        and not pd.isna(row["effective_untrained"])
    }
    single = [
        _field(name, row, results[name].evaluation.inside.looked_into.status, shown(name, studies))
        for name, row in rows.items()
    ]
    return ([_field_changes(changes, studies)] if changes else []) + single


def _field_changes(changes: Mapping[str, int], studies: Studies) -> Finding:
    most, least = max(changes.values()), min(changes.values())

    def changed(verb: str, change: int) -> str:
        names = listed([shown(name, studies) for name in changes if changes[name] == change])
        return f"{verb} most in {names}, by {counted(abs(change), 'pixel')}"

    parts = [changed("grows", most) if most > 0 else "grows in none"]
    parts.append(changed("shrinks", least) if least < 0 else "shrinks in none")
    rule = "fields_change" if most > 0 or least < 0 else "fields_stay"
    text = (
        f"With training, in one run of each of {counted(len(changes), 'network')}, the side of the effective "
        f"field {', and '.join(parts)}."
    )
    numbers = {"networks": len(changes), "changes": dict(changes), "largest": [abs(most), abs(least)]}
    return Finding(text, "receptive_fields", rule, numbers, DATA)


def _field(architecture: str, row: Mapping[Any, Any], run: Status, name: str) -> Finding:
    """``row``: the last layer's; ``run``: what became of the one that was looked into."""
    theoretical, visible, share = int(row["theoretical"]), int(row["visible"]), float(row["theoretical_share"])
    before, after = (
        None if pd.isna(row[key]) else int(row[key]) for key in ("effective_untrained", "effective_trained")
    )
    numbers: dict[str, Any] = {"of": architecture, "theoretical": theoretical, "visible": visible, "share": share}
    numbers |= {"effective_untrained": before, "effective_trained": after, "run": run}
    rule, used = _used(before, after, visible, run)
    if rule == "field_smaller" and after is not None:
        numbers["smaller_by"] = visible - after
    clipped = f" (of a theoretical side of {theoretical})" if visible < theoretical else ""
    text = (
        f"{name}: the central unit of the last layer can see {visible}×{visible} pixels, {percent(share)} of the "
        f"image{clipped}; {used}."
    )
    return Finding(text, "receptive_fields", rule, numbers, DATA)


def _used(before: int | None, after: int | None, visible: int, run: str) -> tuple[str, str]:
    """The rule, and what it says of the sides of the effective field before and after training."""
    side = "its effective field has a side of"
    none = "no pixel moves it"
    text = f"before training {none}" if before is None else f"{side} {counted(before, 'pixel')} before training"
    if run == "diverged":
        return "field_no_network", f"{text}; there is no network after it, since every run {FAILURES[run]}"
    of_run = "in one run" if run == "trained" else f"in a run that {FAILURES[run]}"
    if after is None:
        return "field_unused", f"{text}; after it, {of_run}, {none}"
    text += f"; after it {side} {counted(after, 'pixel')}" if before is None else f" and of {after} after it"
    if after < visible:
        return "field_smaller", f"{text} {of_run}, {visible - after} less than it can see"
    return "field_whole", f"{text} {of_run}, no less than it can see"
