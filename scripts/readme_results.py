"""Put the committed results into README.md, between the two marks: three bullets, a figure and two tables.

python -m scripts.readme_results, after a run of the study.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import stages  # noqa: F401  (puts src/ on the path)
from cnn_study.analysis.summaries import Summaries
from cnn_study.base.errors import StudyError
from cnn_study.base.files import read_json, write_whole
from cnn_study.base.yaml import read_yaml
from cnn_study.params.study import Params, Study, validate
from cnn_study.report.kit.rendering import markdown_text
from cnn_study.report.kit.wording import (
    DATASETS,
    NAMED,
    counted,
    counted_points,
    first_name,
    from_to,
    mean_of,
    percent,
    points,
    points_cell,
    quoted,
    span,
)

README, METRICS = Path("README.md"), Path("metrics")
BEGIN, END = "<!-- results: made by scripts/readme_results.py -->", "<!-- end of results -->"
SHOWN = 2  # studies
QUESTIONS = {"budgets": "Other budgets", "times": "Which network"}  # by the rule of the answer, as the page asks
COLUMNS = ("network", "test accuracy", "against the baseline, in points")
CI = "In [ ]: 95 % CI over seeds and test images"

Record = Mapping[str, Any]


def main() -> None:
    before, _, after = split(README.read_text(encoding="utf-8"))
    results = rendered(validate(read_yaml()), METRICS)
    write_whole(README, f"{before}{BEGIN}\n{results}{END}{after}".encode())


def split(readme: str) -> tuple[str, str, str]:
    """What stands before, between and behind the marks. Raises StudyError if they are not there."""
    before, begin, rest = readme.partition(BEGIN)
    results, end, after = rest.partition(END)
    if not (begin and end):
        raise StudyError(f"{README}: found no {BEGIN} with {END} behind it")
    return before, results.removeprefix("\n"), after


def rendered(params: Params, metrics: Path) -> str:
    """The results as Markdown, from the files of this folder. Raises StudyError where they are no study's."""
    summaries = Summaries.read(metrics / "summary.json")
    if summaries.dataset != "cifar10":
        raise StudyError(f"{metrics / 'summary.json'}: found results of {summaries.dataset}, allowed: cifar10")
    conclusions = read_json(metrics / "conclusions.json")
    compared: Mapping[str, Record] = conclusions["studies"]
    studies = [(key, study) for key, study in params.studies.items() if study.mirrors is None and key in compared]
    timed = read_json(metrics / "timing_conclusions.json")
    names = {name: first_name(name, params.studies, params.unnamed) for name in params.architectures}
    said = bullets(studies[:SHOWN], [*conclusions["findings"], *timed["findings"]], names)
    first = studies[0][1]
    figure = (
        "![Test accuracy against the cost of training](plots/charts/accuracy_against_cost.svg)\n\n"
        "A line for each network through its training budgets. Bold: those of “Which network”. Band: "
        f"{markdown_text(first.members[first.baseline])} ± {counted_points(params.analysis.margin)}."
    )
    scope = scope_of(params, summaries, [name for _, study in studies[:SHOWN] for name in study.members])
    tables = [
        f"**{markdown_text(study.title)}**\n\n{table(study, summaries, compared[key])}"
        for key, study in studies[:SHOWN]
    ]
    return "\n".join([*(f"- {line}" for line in said), "", scope, "", figure, "", *tables])


def bullets(
    studies: Sequence[tuple[str, Study]], findings: Sequence[Record], names: Mapping[str, str]
) -> list[str]:
    """What each study finds of its members and, topic by topic, of its controls; then what budgets and time do.

    ``names``: of the networks, as figures have them.
    """
    lines = []
    for key, study in studies:
        (members,) = (one for one in findings if (one["rule"], one["about"]) == ("members", key))
        topics = zip(topics_of(study), texts(findings, "topic", key), strict=True)
        said = [f"**{markdown_text(study.title)}.** {markdown_text(of_members(members, study))}"]
        said += [f"*{markdown_text(topic)}:* {text}" for topic, text in topics]
        lines.append(" ".join(said))
    short: Mapping[str, Callable[[Record], str]] = {
        "budgets": of_budgets,
        "times": partial(of_times, names=names),
    }
    last = [
        f"**{QUESTIONS[one['rule']]}.** {markdown_text(short[one['rule']](one['numbers']))}"
        for one in findings
        if one["rule"] in QUESTIONS
    ]
    return [*lines, *filter(None, [" ".join(last)])]


def of_members(found: Record, study: Study) -> str:
    """The finding; of many networks that are all more accurate, or all less, between which differences."""
    differences = [pair["points"] for pair in found["numbers"]["pairs"]]
    verdicts = {pair["verdict"] for pair in found["numbers"]["pairs"]}
    of_all = len(differences) == len(study.members) - 1 > NAMED
    if not of_all or verdicts not in ({"better"}, {"worse"}):
        return str(found["text"])
    more = "more" if verdicts == {"better"} else "less"
    between = span(points(min(differences)), points(max(differences)))
    baseline = quoted(study.members[study.baseline])
    return f"All {len(differences)} others are {more} accurate than {baseline} ({between} points)."


def of_budgets(found: Record) -> str:
    """In how many comparisons a smaller budget reverses the order, and in how many it changes hardly anything."""
    stable, later, turned = (found[key] for key in ("stable", "stable_from_second", "reversed"))
    on = f", {later} from the second on" if later > stable else ""
    are = "are" if turned > 1 else "is"
    final = "their final values" if stable > 1 else "its final value"
    margin = counted_points(found["margin"])
    return (
        f"Of {counted(found['comparisons'], 'difference')}, {turned or 'none'} {are} shown to be reversed after "
        f"fewer epochs; {stable or 'none'} to stay within {margin} of {final} from the smallest budget "
        f"on{on}."
    )


def of_times(found: Record, names: Mapping[str, str]) -> str:
    """The most accurate network for a time of training."""
    networks = [
        f"{time}, {quoted(names[best['of']])} for {counted(best['budget'], 'epoch')} "
        f"({percent(best['test_accuracy'])})"
        for time, best in found["networks"].items()
    ]
    return f"Highest mean accuracy by limit on training time ({found['machine']}): {'; '.join(networks)}."


def texts(findings: Sequence[Record], rule: str, about: str = "") -> list[str]:
    """The sentences that a rule found, about one study or all, as Markdown."""
    return [markdown_text(one["text"]) for one in findings if one["rule"] == rule and about in ("", one["about"])]


def topics_of(study: Study) -> list[str]:
    """What its controls are about, each once, in order."""
    return list(dict.fromkeys(control.topic or control.question for control in study.controls))


def table(study: Study, summaries: Summaries, compared: Record) -> str:
    """A row for each member that has results, in the study's order."""
    against = {one["of"]: one for one in compared["against_baseline"]}
    there = [name for name in study.members if name in summaries.architectures]
    seeds = {name: len(summaries.architectures[name].statuses) for name in there}
    unequal = len(set(seeds.values())) > 1
    columns = [*COLUMNS[:1], *(["seeds"] if unequal else []), *COLUMNS[1:]]
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)]]
    for name in there:
        found = summaries.architectures[name]
        accuracy = percent(mean_of(found.test_accuracy)) if found.status == "trained" else found.status
        difference = "baseline" if name == study.baseline else difference_of(against.get(name))
        of_seeds = [str(seeds[name])] if unequal else []
        lines.append([markdown_text(study.members[name]), *of_seeds, accuracy, difference])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def difference_of(pair: Record | None) -> str:
    """+1.0 [+0.2, +1.7], better."""
    if pair is None or pair["points"] is None:
        return "not compared"
    return f"{points_cell(pair['points'], pair['interval'])}, {verdict_of(pair)}"


def verdict_of(pair: Record) -> str:
    """Of a comparison, as metrics/conclusions.json has it, in a word or two."""
    return pair["verdict"] or ("single run" if min(pair["seeds"]) < 2 else "no variation")


def scope_of(params: Params, summaries: Summaries, networks: Sequence[str]) -> str:
    """Of what the numbers of these networks are."""
    trainings = [params.trainings[name] for name in networks]
    seeds = from_to([len(one.seeds) for one in trainings], "seed")
    epochs = from_to([max(one.budgets) for one in trainings], "epoch")
    return (
        f"{DATASETS[summaries.dataset]}: means of {seeds}, {epochs}, {summaries.test_images:,} test images. {CI}. "
        "Verdicts are corrected for the number of comparisons, intervals are not. Rounded after subtraction."
    )


if __name__ == "__main__":
    main()
