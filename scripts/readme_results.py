"""Put the committed results into README.md, between the two marks: a table and a figure for each study.

python -m scripts.readme_results, after a run of the study.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import stages  # noqa: F401  (puts src/ on the path)
from cnn_study.analysis.summaries import Summaries, Summary
from cnn_study.base.errors import StudyError
from cnn_study.base.files import read_json, write_whole
from cnn_study.base.yaml import read_yaml
from cnn_study.params.study import Params, Study, validate
from cnn_study.report.kit.rendering import markdown_text
from cnn_study.report.kit.wording import accuracy_within, points_within, rate

README, SUMMARY = Path("README.md"), Path("metrics/summary.json")
BEGIN, END = "<!-- results: made by scripts/readme_results.py -->", "<!-- end of results -->"
COLUMNS = (
    "network",
    "test accuracy",
    "against the baseline",
    "parameters",
    "MFLOPs",
    "receptive field",
    "learning rate",
)


def main() -> None:
    before, _, after = split(README.read_text(encoding="utf-8"))
    results = rendered(validate(read_yaml()))
    write_whole(README, f"{before}{BEGIN}\n{results}{END}{after}".encode())


def split(readme: str) -> tuple[str, str, str]:
    """What stands before, between and behind the marks. Raises StudyError if they are not there."""
    before, begin, rest = readme.partition(BEGIN)
    results, end, after = rest.partition(END)
    if not (begin and end):
        raise StudyError(f"{README}: found no {BEGIN} with {END} behind it")
    return before, results.removeprefix("\n"), after


def rendered(params: Params) -> str:
    """The results as Markdown, from metrics/."""
    found = Summaries.read(SUMMARY)
    if found.dataset != "cifar10":
        raise StudyError(f"{SUMMARY}: found results of {found.dataset}, allowed: cifar10")
    compared = read_json(Path("metrics/conclusions.json"))["studies"]
    parts = []
    for key, study in params.studies.items():
        title, question = markdown_text(study.title), markdown_text(study.question)
        differences = markdown_text(f"{study.title}: differences to {study.members[study.baseline]}")
        parts.append(
            f"**{title}.** {question}\n\n{table(study, found.architectures, compared[key])}\n"
            f"![{differences}, with 95 % intervals](plots/charts/studies-{key}-differences.svg)\n"
        )
    return "\n".join(parts)


def table(study: Study, summaries: Mapping[str, Summary], compared: Mapping[str, Any]) -> str:
    """A row for each member, in the study's order."""
    against = {one["of"]: one for one in compared["against_baseline"]}
    lines = [COLUMNS, ("---", *("---:" for _ in COLUMNS[1:]))]
    for name, shown in study.members.items():
        found, difference = summaries[name], "baseline" if name == study.baseline else "not ranked"
        if name in against and (one := against[name])["points"] is not None:
            difference = points_within(one["points"], one["interval"])
            # Release 0.1.0 has no verdicts.
            difference += (
                f", {one['verdict']}" if "verdict" in one else "" if one["told_apart"] else ", not significant"
            )
        edge = ", search cut off" if found.learning_rate_at_edge else ""
        lines.append(
            (
                markdown_text(shown),
                accuracy_within(found.test_accuracy) if found.status == "trained" else found.status,
                difference,
                f"{found.parameters:,}",
                f"{found.forward_flops / 1e6:.1f}",
                f"{found.receptive_field.theoretical} px",
                f"{rate(found.learning_rate)}{edge}",
            )
        )
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
