"""What README, CONTRIBUTING and docs say is there, and their commands can be given as they are written."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from dvc.cli.parser import get_main_parser
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps
from ruamel.yaml import YAML

from cnn_study import __version__
from cnn_study.base.files import read_json
from cnn_study.base.yaml import read_yaml
from cnn_study.cli import main as cli
from cnn_study.networks.network import Network
from cnn_study.params.study import Params, validate
from cnn_study.profiling.complexity import count_parameters
from cnn_study.report.compose import chapters_of, conclusions_of
from cnn_study.report.kit.wording import first_name, quoted
from cnn_study.training.schedule import Schedule
from scripts.estimate import steps_of_a_seed
from scripts.readme_results import (
    COLUMNS,
    METRICS,
    SHOWN,
    of_budgets,
    of_members,
    rendered,
    split,
    topics_of,
    verdict_of,
)
from tests.conftest import REPOSITORY, SHAPE, of_the_committed
from tests.test_compose import PARAMS as TWO_BUDGETS
from tests.test_compose import made_up_evidence

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md", "data/images/README.md")
DOCUMENTS = {
    name: (REPOSITORY / name).read_text(encoding="utf-8")
    for name in (*PAGES, *sorted(f"docs/{path.name}" for path in (REPOSITORY / "docs").glob("*.md")))
}
PARAMS = validate(read_yaml(REPOSITORY / "params.yaml"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
ENTRY = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`((?:dvc|make|python|cnn-study|gto) [^`]+)`")
SHELL = {
    ".", "apt-get", "cd", "cp", "export", "git", "gto", "pip", "pre-commit", "ray", "rm", "sed", "set", "shift",
    "wait",
}  # fmt: skip


def commands(text: str) -> list[str]:
    """Every command line of a document, those within sentences too, without what only a shell reads."""
    lines = "\n".join(BLOCK.findall(text)).replace("\\\n", " ").splitlines()
    lines = [re.sub(r"(^| )#.*", "", line) for line in lines]
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines += [" ".join(line.split()) for line in INLINE.findall(prose)]
    found = [part for line in lines for part in re.split(r" && ", line)]
    return sorted({re.sub(r"^(\w+=\S+ )+|( &)$", "", line.strip()) for line in found if line.strip()})


def entries(text: str) -> list[str]:
    """Every entry of ``architectures`` that a document shows."""
    return [block for block in ENTRY.findall(text) if re.match(r"  \w+:\n", block)]


def with_entry(entry: str) -> Params:
    """params.yaml with this entry; keys of one that is there are added to it."""
    content = read_yaml(REPOSITORY / "params.yaml")
    for name, keys in YAML(typ="safe").load(entry).items():
        content["architectures"].setdefault(name, {}).update(keys)
    return validate(content)


ALL_COMMANDS = sorted({line for text in DOCUMENTS.values() for line in commands(text)})
ALL_ENTRIES = sorted({entry for text in DOCUMENTS.values() for entry in entries(text)})
ADDED = {entry.partition(":")[0].strip() for entry in ALL_ENTRIES}
EXPERIMENTS = [line for line in ALL_COMMANDS if line.startswith("dvc exp run") and " -S " in line]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_linked_is_there(name: str) -> None:
    for link in (link for link in LINK.findall(DOCUMENTS[name]) if "://" not in link):
        path, _, heading = link.partition("#")
        target = (REPOSITORY / name).parent / path if path else REPOSITORY / name
        assert target.exists(), link
        if heading:
            headings = re.findall(r"^#+ (.*)", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings], link


def test_every_page_of_docs_is_linked_from_the_readme() -> None:
    linked = set(LINK.findall(DOCUMENTS["README.md"]))
    assert {name for name in DOCUMENTS if name.startswith("docs/")} <= linked


@pytest.mark.parametrize("line", ALL_COMMANDS)
def test_a_command_exists_with_the_options_that_are_written(line: str) -> None:
    first, *rest = shlex.split(line)
    match first:
        case "dvc":
            if rest not in (["add"], ["artifacts", "get"], ["plots"]):  # as these are called in sentences
                get_main_parser().parse_args(rest)  # ends the test with what DVC says is wrong
        case "cnn-study":
            if "--help" not in rest and rest != ["predict"]:
                cli.parser().parse_args(rest)
        case "make":
            target = next((word for word in rest if "=" not in word), "help")
            makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
            assert re.search(rf"^{target}:", makefile, re.MULTILINE)
            for variable in (word.partition("=")[0] for word in rest if "=" in word):
                assert f"$({variable})" in makefile or variable == "RAY_ADDRESS"
        case "python":
            if rest[0] == "-m" and rest[1] != "pytest":
                assert (REPOSITORY / f"{rest[1].replace('.', '/')}.py").is_file()
            else:
                assert rest[0] in ("-m", "redo.py")  # docs/statistics.md says what is in it
        case _:
            assert first in SHELL
    for name in re.findall(r"\b(?:kernel|depth|residual)_\w+", line.partition("@v")[0]):
        assert name in PARAMS.architectures.keys() | ADDED


@pytest.mark.parametrize("line", EXPERIMENTS)
def test_an_experiment_s_keys_are_those_of_params_yaml(line: str, tmp_path: Path) -> None:
    given = [value for option, value in pairwise(shlex.split(line)) if option == "-S"]
    for overrides in get_hydra_sweeps({"params.yaml": given}):
        path = Path(shutil.copy2(REPOSITORY / "params.yaml", tmp_path))
        apply_overrides(path, overrides["params.yaml"])
        assert validate(read_yaml(path)) != PARAMS


@pytest.mark.parametrize("line", [line for line in ALL_COMMANDS if line.startswith("sed ")])
def test_an_edit_of_params_yaml_changes_it(line: str, tmp_path: Path) -> None:
    shutil.copy2(REPOSITORY / "params.yaml", tmp_path)
    subprocess.run(shlex.split(line), cwd=tmp_path, check=True)
    assert validate(read_yaml(tmp_path / "params.yaml")) != PARAMS


@pytest.mark.parametrize("entry", ALL_ENTRIES)
def test_an_entry_can_be_put_into_params_yaml(entry: str) -> None:
    assert with_entry(entry) != PARAMS


def test_commands_entries_and_experiments_are_found() -> None:
    assert len([line for line in ALL_COMMANDS if line.startswith("dvc ")]) > 15
    assert len(EXPERIMENTS) > 2
    assert len(ALL_ENTRIES) > 1


@of_the_committed
def test_the_readme_s_results_are_the_committed_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    _, results, _ = split(DOCUMENTS["README.md"])
    assert results == rendered(PARAMS, METRICS), "python -m scripts.readme_results puts the new ones there"


@of_the_committed
def test_the_numbers_of_the_readme_are_those_of_the_summary() -> None:
    summary = read_json(REPOSITORY / "metrics/summary.json")["architectures"]
    compared = read_json(REPOSITORY / "metrics/conclusions.json")["studies"]
    studies = [(key, study) for key, study in PARAMS.studies.items() if study.mirrors is None][:SHOWN]
    for key, study in studies:
        against = {one["of"]: one for one in compared[key]["against_baseline"]}
        for name, shown in ((name, shown) for name, shown in study.members.items() if name in summary):
            accuracy = 100 * summary[name]["test_accuracy"]["mean"]
            start = rf"^\| {re.escape(shown)} \| (?:\d+ \| )?{accuracy:.1f} % \| "
            if name in against:
                told = (against[name]["points"], *against[name]["interval"])
                row = start + rf"(\S+) \[(\S+), (\S+)\], {verdict_of(against[name])} \|$"
                found = re.search(row, DOCUMENTS["README.md"], re.MULTILINE)
                assert found
                shown_there = [float(number.replace("−", "-")) for number in found.groups()]
                assert shown_there == [round(value, 1) for value in told]
            else:
                assert re.search(start + r"baseline \|$", DOCUMENTS["README.md"], re.MULTILINE)


def test_results_with_verdicts_become_three_bullets_a_figure_and_two_tables(tmp_path: Path) -> None:
    evidence = made_up_evidence()
    conclusions, timed = conclusions_of(chapters_of(evidence))
    # In these results every network has collapsed at the smaller budget, so that no rule says anything of budgets.
    numbers = {"comparisons": 9, "stable": 4, "stable_from_second": 6, "margin": 1.0, "reversed": 1}
    conclusions["findings"].append({"about": "answer", "rule": "budgets", "text": "–", "numbers": numbers})
    (tmp_path / "conclusions.json").write_text(json.dumps(conclusions), encoding="utf-8")
    (tmp_path / "timing_conclusions.json").write_text(json.dumps(timed), encoding="utf-8")
    evidence.summary.write(tmp_path / "summary.json")
    results = rendered(TWO_BUDGETS, tmp_path)
    bullets = [line for line in results.splitlines() if line.startswith("- ")]
    own = [(key, study) for key, study in TWO_BUDGETS.studies.items() if study.mirrors is None][:SHOWN]
    titles = [*(f"{study.title}." for _, study in own), "Other budgets."]
    assert [line.split("**")[1] for line in bullets] == titles
    for (key, study), line in zip(own, bullets, strict=False):
        said = [one["text"] for one in conclusions["findings"] if (one["rule"], one["about"]) == ("topic", key)]
        assert [topic for topic in topics_of(study) if f"*{topic}:* " not in line] == []
        assert said
        assert [text for text in said if text not in line] == []
    budgets, times = bullets[2].split(" **Which network.** ")
    told = (
        "Of 9 differences, 1 is shown to be reversed after fewer epochs; 4 to stay within 1 point "
        "of their final values from the smallest budget on, 6 from the second on."
    )
    assert budgets == f"- **Other budgets.** {told}"
    (found,) = [one["numbers"] for one in timed["findings"] if one["rule"] == "times"]
    assert found["machine"] in times
    for time, best in found["networks"].items():
        name = first_name(best["of"], TWO_BUDGETS.studies)
        epochs = f"{best['budget']} epoch{'s' if best['budget'] > 1 else ''}"
        assert f"{time}, {quoted(name)} for {epochs} ({100 * best['test_accuracy']:.1f} %)" in times
    # The planted winner, in the sentence and in its row.
    assert "residual (+" in bullets[1]
    row = r"^\| residual \| [\d.]+ % \| \+[\d.]+ \[\+[\d.]+, \+[\d.]+\], better \|$"
    assert re.search(row, results, re.MULTILINE)
    assert results.count("| " + " | ".join(COLUMNS)) == SHOWN
    assert "plots/charts/accuracy_against_cost.svg" in results
    assert "2 epochs" in results


@pytest.mark.parametrize(
    ("verdict", "seeds", "words"),
    [("better", [3, 3], "better"), (None, [3, 1], "single run"), (None, [2, 2], "no variation")],
)
def test_a_row_has_a_verdict_or_why_there_is_none(verdict: str | None, seeds: list[int], words: str) -> None:
    assert verdict_of({"verdict": verdict, "seeds": seeds}) == words


@pytest.mark.parametrize(
    ("verdicts", "text"),
    [
        (["better"] * 6, "All 6 others are more accurate than 2 layers (+1.5 to +6.5 points)."),
        (["worse"] * 6, "All 6 others are less accurate than 2 layers (−6.5 to −1.5 points)."),
        (["better", "better", "not decided", *["better"] * 3], "As found."),
        (["better"] * 5, "As found."),  # a control compares the sixth with the baseline
    ],
)
def test_many_members_of_one_verdict_are_told_by_their_range(verdicts: list[str], text: str) -> None:
    sign = -1 if "worse" in verdicts else 1
    pairs = [{"points": sign * (1.5 + place), "verdict": verdict} for place, verdict in enumerate(verdicts)]
    assert of_members({"text": "As found.", "numbers": {"pairs": pairs}}, PARAMS.studies["depth"]) == text


@pytest.mark.parametrize(
    ("stable", "reversals", "text"),
    [
        (0, 0, "none is shown to be reversed after fewer epochs; none to stay"),
        (1, 2, "2 are shown to be reversed after fewer epochs; 1 to stay"),
    ],
)
def test_what_budgets_change_is_said_in_one_line(stable: int, reversals: int, text: str) -> None:
    found = {
        "comparisons": 9,
        "stable": stable,
        "stable_from_second": stable,
        "margin": 1.0,
        "reversed": reversals,
    }
    assert (
        of_budgets(found)
        == f"Of 9 differences, {text} within 1 point of its final value from the smallest budget on."
    )


def test_a_table_of_networks_with_other_numbers_of_seeds_has_them_in_a_column(tmp_path: Path) -> None:
    evidence = made_up_evidence()
    conclusions, timed = conclusions_of(chapters_of(evidence))
    (tmp_path / "conclusions.json").write_text(json.dumps(conclusions), encoding="utf-8")
    (tmp_path / "timing_conclusions.json").write_text(json.dumps(timed), encoding="utf-8")
    found = evidence.summary.architectures
    fewer = found["residual"].model_copy(update={"statuses": found["residual"].statuses[1:]})
    summaries = evidence.summary.model_copy(update={"architectures": {**found, "residual": fewer}})
    summaries.write(tmp_path / "summary.json")
    of_kernels, of_depth = rendered(TWO_BUDGETS, tmp_path).split("**Depth**")
    assert "| network | seeds |" in of_depth
    assert re.search(rf"^\| residual \| {len(fewer.statuses)} \| \d", of_depth, re.MULTILINE)
    assert "seeds |" not in of_kernels


def test_a_network_that_did_not_train_has_its_row_without_a_verdict(tmp_path: Path) -> None:
    evidence = made_up_evidence(diverged={"residual"})
    for name, content in zip(
        ("conclusions", "timing_conclusions"), conclusions_of(chapters_of(evidence)), strict=True
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    evidence.summary.write(tmp_path / "summary.json")
    assert "| residual | diverged | not compared |" in rendered(TWO_BUDGETS, tmp_path)


def clocks() -> Iterator[str]:
    """The times that the README gives, as committed files have them."""
    seconds = 0.0
    for name, found in read_json(REPOSITORY / "metrics/timing.json")["architectures"].items():
        training = PARAMS.trainings[name]
        schedule = Schedule.of(training.recipe, 1000)
        # The clocks are of the run to the largest budget; the others share its trunk.
        longer = steps_of_a_seed(schedule, training.budgets) / schedule.end(max(training.budgets))
        parts = [*found["train_seconds"]["per_seed"], *found["evaluation_seconds"]["per_seed"]]
        seconds += longer * sum(parts) + found["tune_seconds"]
    yield f"{seconds / 3600:.1f} hours"
    for kind in ("bf16", "avx2"):
        seconds = read_json(REPOSITORY / f"benchmarks/time_told-{kind}.json")["seconds"]
        yield f"{seconds // 60} min {seconds % 60} s"


@of_the_committed
def test_the_times_stand_beside_the_commands_and_are_those_of_the_clocks() -> None:
    (block,) = [block for block in BLOCK.findall(DOCUMENTS["README.md"]) if "git clone" in block]
    assert set(re.findall(r"[\d.]+ hours|\d+ min \d+ s", block)) == set(clocks())


def test_the_disk_that_the_readme_names_is_that_of_images_and_weights() -> None:
    runs = 0
    for name, training in PARAMS.trainings.items():
        parameters = count_parameters(Network(PARAMS.architectures[name], SHAPE))
        # The end of a trunk keeps the optimizer's two moments beside the weights.
        runs += 4 * parameters * len(training.seeds) * (len(training.budgets) + 3)
    images = 60_000 * SHAPE.channels * SHAPE.size**2
    gigabytes = (2 * runs + 2 * images) / 1e9  # runs/ and the store of finished runs; raw and prepared
    assert re.search(rf"^make study  .* {gigabytes:.0f} GB$", DOCUMENTS["README.md"], re.MULTILINE)


def test_the_readme_is_short() -> None:
    before, results, after = split(DOCUMENTS["README.md"])
    text = re.sub(r"```mermaid.*?```", "", before + results + after, flags=re.DOTALL)
    assert len(re.findall(r"\w[^\s|]*", text)) < 900


def test_the_version_is_the_last_one_of_the_changelog_and_what_a_citation_names() -> None:
    last = re.search(r"^## ([\d.]+)", DOCUMENTS["CHANGELOG.md"], re.MULTILINE)
    assert last
    assert last[1] == __version__ == read_yaml(REPOSITORY / "CITATION.cff")["version"]
