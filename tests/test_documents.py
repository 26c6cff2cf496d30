"""What README, CONTRIBUTING and docs say is there, and their commands can be given as they are written."""

import re
import shlex
import subprocess

import pytest
from dvc.cli.parser import get_main_parser

from cnn_study.base.files import read_json
from cnn_study.base.yaml import read_yaml
from cnn_study.cli import main as cli
from cnn_study.params.study import validate
from scripts.readme_results import rendered, split
from tests.conftest import REPOSITORY

DOCUMENTS = {
    name: (REPOSITORY / name).read_text(encoding="utf-8")
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/troubleshooting.md")
}
PARAMS = validate(read_yaml(REPOSITORY / "params.yaml"))
LINK = re.compile(r"\]\(([^)#][^)]*)\)")
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`((?:dvc|make|python|cnn-study|gto) [^`]+)`")


def other_results_here() -> bool:
    """Whether the study has been run here with other results than those that are committed."""
    return (
        subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "metrics"], cwd=REPOSITORY, check=False).returncode
        != 0
    )


of_the_committed = pytest.mark.skipif(
    other_results_here(), reason="metrics/ holds other results than the committed ones, which README.md is about"
)


def commands(text: str) -> list[str]:
    """Every command line of a document, those within sentences too."""
    lines = "\n".join(BLOCK.findall(text)).replace("\\\n", " ").splitlines()
    found = [part for line in lines for part in re.split(r" && ", re.sub(r"(^| )# .*", "", line))]
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    found += [part for line in INLINE.findall(prose) for part in re.split(r" && ", line)]
    return sorted({line.strip() for line in found if line.strip() and not line.strip().startswith("#")})


ALL_COMMANDS = sorted({line for text in DOCUMENTS.values() for line in commands(text)})


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_linked_is_there(name: str) -> None:
    links = [link for link in LINK.findall(DOCUMENTS[name]) if "://" not in link]
    assert links or name not in ("README.md", "CONTRIBUTING.md")
    assert [link for link in links if not (REPOSITORY / name).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("line", ALL_COMMANDS)
def test_a_command_exists_with_the_options_that_are_written(line: str) -> None:
    first, *rest = shlex.split(line)
    match first:
        case "dvc":
            if rest not in (["plots"], ["artifacts", "get"]):  # as these are called in sentences
                get_main_parser().parse_args(rest)  # ends the test with what DVC says is wrong
        case "cnn-study":
            if "--help" not in rest:
                cli.parser().parse_args(rest)
        case "make":
            target = next((word for word in rest if "=" not in word), "help")
            assert re.search(rf"^{target}:", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        case "python":
            assert rest[0] == "-m"
            if rest[1] != "pytest":
                assert (REPOSITORY / f"{rest[1].replace('.', '/')}.py").is_file()
        case _:
            assert first in {"git", "pip", ".", "apt-get", "pre-commit", "gto"}
    for name in re.findall(r"\b(?:kernel|depth|residual)_\w+", line.partition("@v")[0]):
        assert name in PARAMS.architectures


def test_the_commands_are_found() -> None:
    assert len([line for line in ALL_COMMANDS if line.startswith("dvc ")]) > 15


@of_the_committed
@pytest.mark.skipif(
    PARAMS.architectures.keys() != read_json(REPOSITORY / "metrics/summary.json")["architectures"].keys(),
    reason="metrics/ holds the results of other networks than those of params.yaml",
)
def test_the_readme_s_results_are_the_committed_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    _, results, _ = split(DOCUMENTS["README.md"])
    assert results == rendered(PARAMS), "python -m scripts.readme_results puts the new ones there"


@of_the_committed
def test_the_numbers_of_the_readme_are_those_of_the_summary() -> None:
    summary = read_json(REPOSITORY / "metrics/summary.json")["architectures"]
    readme = DOCUMENTS["README.md"]
    for study in PARAMS.studies.values():
        for name, shown in ((name, shown) for name, shown in study.members.items() if name in summary):
            (row,) = re.findall(
                rf"^\| {re.escape(shown)} \| ([\d.]+) % \[([\d.]+), ([\d.]+)\] \|.*?\| ([\d,]+) \|",
                readme,
                re.MULTILINE,
            )
            accuracy = summary[name]["test_accuracy"]
            told = [float(cell) for cell in row[:3]]
            assert told == [round(100 * value, 1) for value in (accuracy["mean"], *accuracy["ci95"])]
            assert int(row[3].replace(",", "")) == summary[name]["parameters"]


@of_the_committed
def test_the_minutes_of_the_readme_are_those_of_the_clocks() -> None:
    minutes = 0.0
    for found in read_json(REPOSITORY / "metrics/timing.json")["architectures"].values():
        parts = [*found["train_seconds"]["per_seed"], *found["evaluation_seconds"]["per_seed"]]
        minutes += (sum(parts) + found["tune_seconds"]) / 60
    assert f"took {minutes:.0f} minutes" in DOCUMENTS["README.md"]


def test_the_version_is_the_last_one_of_the_changelog() -> None:
    last = re.search(r"^## ([\d.]+)", DOCUMENTS["CHANGELOG.md"], re.MULTILINE)
    assert last
    assert f'version = "{last[1]}"' in (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
