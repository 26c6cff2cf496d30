"""A made-up study of four networks, and how sentences about it are checked: used by the tests of topics."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cnn_study.analysis.comparisons import Comparison, StudyComparison
from cnn_study.params.study import Study
from cnn_study.report.kit import wording
from cnn_study.report.kit.findings import Finding

# No architecture of the project: whatever a user calls his own gets sentences as well.
STUDY = Study.model_validate(
    {
        "title": "Width",
        "question": "which",
        "baseline": "thin",
        "members": {"thin": "narrow one", "wide": "wide, twice", "odd": "odd one"},
        "controls": [{"of": "wide", "against": "wide_matched", "question": "the width alone"}],
    }
)
STUDIES = {"width": STUDY}
NAMES = ("narrow one", "wide, twice", "odd one", "wide_matched", "the width alone")


def around(mean: float, half: float | None = 0.004) -> dict[str, Any]:
    return {"mean": mean, "ci95": None if half is None else [mean - half, mean + half], "per_seed": [mean]}


def entry(accuracy: float, *statuses: str, half: float | None = 0.004) -> dict[str, Any]:
    statuses = statuses or ("trained", "trained", "trained")
    status = next((status for status in ("diverged", "collapsed") if status in statuses), "trained")
    return {
        "status": status,
        "statuses": list(statuses),
        "seeds": list(range(len(statuses))),
        "test_accuracy": around(accuracy, half),
        "receptive_field": {"theoretical": 10, "effective": 8},
    }


SUMMARY = {"thin": entry(0.7011), "wide": entry(0.7233), "odd": entry(0.6877), "wide_matched": entry(0.7044)}
TIMING = {"thin": {"train_seconds": around(41.0, 3.0)}, "wide": {"train_seconds": around(8.36, 1.0)}}


def compared(of: str, against: str, points: float | None, told: bool, **more: Any) -> Comparison:
    interval = None if points is None else (points - 1.4, points + 1.4)
    values: dict[str, Any] = {
        "seeds": 3,
        "interval": interval,
        "p_value": 0.02,
        "p_holm": 0.04,
        "seeds_to_tell": 17,
        "ratios": {"train_seconds": 1.62, "forward_flops": 23.4, "parameters": 0.0312},
        "classes": {"cat": 4.6, "dog": 0.2, "ship": -3.5},
    }
    return Comparison(of=of, against=against, points=points, significant=told, **(values | more))


WIDE = compared("wide", "thin", 2.2, told=True)
ODD = compared("odd", "thin", -1.3, told=False)
CONTROL = compared("wide", "wide_matched", 1.9, told=True)
COMPARISON = StudyComparison("width", ["wide", "thin", "odd"], {}, [WIDE, ODD], [CONTROL], ["wide", "thin"])


WAYS = (wording.points, wording.percent, wording.round_percent, wording.times, wording.seconds)


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from numbers_in(part)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


def numbers_without_source(text: str, numbers: Mapping[str, Any], names: tuple[str, ...]) -> set[str]:
    """The numbers in a text, names apart, that are no way of writing one of ``numbers``."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, "")
    written = set(re.findall(r"[−+-]?\d+(?:\.\d+)?(?:e[-+]\d+)?", text))
    ways: set[str] = set()
    for number in numbers_in(numbers):
        forms = [way(number) for way in WAYS]
        forms.append(f"{number:g}")
        ways |= {re.sub("[ ×%s]", "", form) for form in forms}
    return written - ways


def assert_numbers_are_their_own(findings: Sequence[Finding]) -> None:
    """Every number in a sentence is one of its numbers, of which each has some."""
    assert findings
    for finding in findings:
        assert not numbers_without_source(finding.text, finding.numbers, NAMES), finding
        assert finding.numbers
        assert finding.text.endswith(".")
