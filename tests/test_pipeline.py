"""What `dvc repro` runs after a change, in a real repository."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import vl_convert

from cnn_study import __version__
from cnn_study.base.environment import usable_cores
from cnn_study.base.yaml import read_yaml, section
from cnn_study.data.splits import load_split
from cnn_study.networks.architecture import spec_of
from cnn_study.networks.weights import About, load_network
from cnn_study.params.study import Params, validate
from cnn_study.sources import fashion_mnist
from cnn_study.training.finished import Trained
from engine.resources import Resources
from scripts import study
from scripts.reduce import EMBEDDED, QUICK, REPORT, reduce_params
from tests.conftest import NO_NETWORK, REPOSITORY, SHAPE, Project, small_study

PER_NETWORK = ("tune", "train", "evaluate", "profile")


def summary_of(project: Project) -> Any:
    return json.loads((project.folder / "metrics/summary.json").read_text())


def test_an_unchanged_repository_runs_nothing_whatever_editors_and_systems_leave_in_it(project: Project) -> None:
    for folder in ("src/cnn_study/training", "results", "plots/images", "data/raw"):
        for name in ("._loop.py", ".DS_Store", "Thumbs.db", "desktop.ini", "loop.py~"):
            (project.folder / folder / name).touch()
    assert project.repro() == set()
    assert "up to date" in project.run("dvc", "status")


def test_an_added_architecture_runs_a_removed_one_leaves_no_trace_and_the_others_stay(project: Project) -> None:
    def change(params: Any) -> None:
        params["architectures"]["added"] = {"layers": [{"conv": 4, "kernel": 1}, {"pool": 8}], "head": {}}
        params["studies"]["kernel_size"]["members"]["added"] = "1×1"
        del params["architectures"]["other"]
        del params["studies"]["kernel_size"]["members"]["other"]
        params["studies"]["kernel_size"]["controls"] = []

    before = summary_of(project)["architectures"]
    project.edit_params(change)
    assert project.repro() == {*(f"{stage}@added" for stage in PER_NETWORK), "cost", "analyze"}
    after = summary_of(project)["architectures"]
    assert list(after) == ["small", "added"]
    assert after["added"]["receptive_field"]["theoretical"] == 8
    assert after["small"] == before["small"]
    published = [*project.folder.glob("metrics/*"), *project.folder.glob("plots/**/*.csv")]
    assert len(published) > 6
    for path in published:
        # As a key, a value, a cell, or the subject of a sentence; sentences have the word for other things too.
        assert not re.search(r'"other"|(?m:(^|,)other(,|$))|\bother (is|−|\([+−])', path.read_text()), path
    traces = [path.relative_to(project.folder) for path in project.folder.glob("**/other*")]
    assert not [path for path in traces if path.parts[0] != "src"]
    assert project.repro() == set()
    assert "up to date" in project.run("dvc", "status")


@pytest.mark.parametrize(
    "edited",
    ["src/cnn_study/report/kit/pictures.py", "src/cnn_study/report/topics/methods.py", "stages/analyze.py"],
)
def test_editing_the_analysis_runs_only_the_analysis(project: Project, edited: str) -> None:
    with (project.folder / edited).open("a") as file:
        file.write("\n# A comment.\n")
    assert project.repro("--dry") == {"analyze"}


def test_a_change_of_the_split_reruns_all_that_sees_images(project: Project) -> None:
    project.edit_params(lambda params: params["data"].update(split_seed=1))
    assert project.repro("prepare") == {"prepare"}
    seeing = {f"{stage}@{name}" for stage in ("tune", "train", "evaluate") for name in ("small", "other")}
    seeing |= {"replay@small", "analyze"}
    assert project.repro("--dry") == seeing


# All files that depend on a clock: the second execution of a study differs from the first in these.
BY_A_CLOCK = (
    "metrics/timing.json",
    "metrics/timing_conclusions.json",
    "plots/charts/accuracy_against_cost.svg",
    "plots/charts/studies-*-accuracy_against_time.svg",
    "plots/charts/studies-*-step_time.svg",
    "plots/report.html",
    "plots/report.md",
    "plots/timing/*.csv",
    "results/timing/cost.json",
    "results/timing/profile/*.json",
    "results/timing/replay/*.json",
    "results/timing/train/*.json",
    "results/timing/tune/*.json",
)


@pytest.mark.processor
@pytest.mark.long
@pytest.mark.thorough
def test_running_twice_gives_the_same_bits_of_all_but_what_depends_on_a_clock(
    finished: Project, untouched: Project, tmp_path: Path
) -> None:
    again = untouched.copy_to(tmp_path / "again")
    again.repro()
    made = [
        path.relative_to(finished.folder)
        for pattern in ("runs/**/*", "results/**/*", "metrics/*", "plots/**/*", "data/prepared/**/*")
        for path in finished.folder.glob(pattern)
        if path.is_file()
    ]
    assert {path.parts[0] for path in made} == {"runs", "results", "metrics", "plots", "data"}
    differ = {path for path in made if (finished.folder / path).read_bytes() != (again.folder / path).read_bytes()}
    # Each entry of the list at least once: what does not differ is not to be on it.
    assert {path: [entry for entry in BY_A_CLOCK if path.match(entry)] for path in differ} == {
        path: [entry] for entry in BY_A_CLOCK for path in made if path.match(entry)
    }


@pytest.mark.long
def test_changing_one_spec_retrains_only_that_network_and_diffs_show_exactly_that(project: Project) -> None:
    project.run("git", "checkout", "--quiet", "-b", "wider")
    project.edit_params(lambda params: params["architectures"]["small"]["layers"][0].update(kernel=5))
    assert project.repro() == {*(f"{stage}@small" for stage in (*PER_NETWORK, "replay")), "cost", "analyze"}
    assert summary_of(project)["architectures"]["small"]["receptive_field"]["theoretical"] == 20
    project.commit("wider")
    params = json.loads(project.run("dvc", "params", "diff", "main", "--json"))
    assert list(params["params.yaml"]) == ["architectures.small.layers"]
    metrics = json.loads(project.run("dvc", "metrics", "diff", "main", "--json"))
    targets = ("--targets", "metrics/summary.json")
    everything = json.loads(project.run("dvc", "metrics", "diff", "main", "--json", *targets))
    assert {key.split(".")[1] for key in everything["metrics/summary.json"]} == {"small"}
    changed = metrics["metrics/headline.json"]
    assert set(changed) == {"small"}
    assert everything["metrics/summary.json"]["architectures.small.parameters"]["diff"] == 4 * 3 * (5 * 5 - 3 * 3)


def test_the_test_accuracy_is_that_of_the_saved_weights_on_the_test_images(finished: Project) -> None:
    test = load_split(finished.folder / "data/prepared/test")
    entries = read_yaml(finished.folder / "params.yaml")["architectures"]
    for name, entry in entries.items():
        network, about = load_network(finished.folder / f"runs/train/{name}/seed-0.safetensors")
        (run,) = Trained.read(finished.folder / f"results/train/{name}", timing=None).runs
        assert about == About(
            name=name, architecture=spec_of(entry), shape=SHAPE, classes=fashion_mnist.CLASSES,
            dataset="fashion_mnist", seed=0, budget=1, learning_rate=run.learning_rate,
            fingerprint=run.fingerprint, environment=run.environment, version=__version__,
        )  # fmt: skip
        with torch.inference_mode():
            right = (network(torch.from_numpy(test.images)).argmax(1).numpy() == test.labels).mean()
        reported = summary_of(finished)["architectures"][name]["test_accuracy"]
        # The study computes in bf16 here and there: two of a hundred images may fall to the other side.
        assert reported["per_seed"] == [pytest.approx(right, abs=0.02)]
        assert reported["mean"] == reported["per_seed"][0]
        assert reported["ci95"] is None


def test_each_study_has_its_pictures_and_every_plot_its_points(project: Project) -> None:
    kinds = ("first_layers/kernel_size", "receptive_fields/kernel_size", "side_by_side/kernel_size_image_1")
    for kind in kinds:
        picture = project.folder / f"plots/images/{kind}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
    page = project.run("dvc", "plots", "show", "--json")
    plots = json.loads(page)["data"]
    declared = [next(iter(plot)) for plot in read_yaml(project.folder / "dvc.yaml")["plots"][:-1]]
    assert len(declared) >= 6
    for name in declared:
        (plot,) = plots[name]
        # Only one of the two networks trains, to one budget.
        least = 1 if name == "accuracy_against_cost" else 2
        assert len(plot["content"]["data"]["values"]) >= least, name
        assert "DVC_METRIC" not in json.dumps(plot["content"]), name


def test_the_page_of_plots_needs_no_internet(project: Project) -> None:
    project.run(sys.executable, "-m", "scripts.make_plots_page")
    project.run("dvc", "plots", "show")
    page = (project.folder / "dvc_plots/index.html").read_text()
    assert "window.vegaEmbed" in page
    assert re.findall(r"<(?:script|link|img)[^>]*https?://", page) == []
    assert page.count("vegaEmbed('#") >= 6


def test_runs_in_one_environment_are_comparable(finished: Project) -> None:
    assert json.loads((finished.folder / "metrics/environment.json").read_text())["comparable"] is True


def test_tables_hold_what_the_stages_recorded(finished: Project) -> None:
    rates = pd.read_csv(finished.folder / "plots/data/learning_rates.csv")
    assert sorted(rates[rates["architecture"] == "small"]["learning_rate"]) == [0.1, 0.2]
    assert rates.groupby("architecture")["best"].sum().tolist() == [1, 1]
    confusion = pd.read_csv(finished.folder / "plots/data/confusion.csv")
    assert confusion.groupby("architecture")["count"].sum().tolist() == [100, 100]
    norms = pd.read_csv(finished.folder / "plots/data/gradient_norms.csv")
    assert norms[norms["architecture"] == "small"]["layer"].tolist() == ["conv1", "conv2", "output"]
    assert (norms["gradient_norm"] > 0).all()


def test_no_data_set_to_be_had_is_said_first_and_last_and_the_embedded_one_is_used(
    untouched: Project, tmp_path: Path
) -> None:
    project = untouched.copy_to(tmp_path / "project")
    project.edit_params(lambda params: params["data"].update(dataset="cifar10"))
    project.commit("cifar10")
    (project.folder / "stages/tune.py").write_text("raise SystemExit('far enough')\n")
    printed = project.run(
        sys.executable, "-m", "scripts.study", ok=False, CIFAR10_ARCHIVE="", **NO_NETWORK
    ).strip()
    lines = printed.splitlines()
    assert lines[0].startswith("NOT CIFAR-10")
    assert lines[-1] == lines[0]
    diff = json.loads(project.run("dvc", "params", "diff", "--json"))["params.yaml"]
    # The small study's budgets and images stay: the embedded study is made no larger than what was there.
    assert diff == {"data.dataset": {"old": "cifar10", "new": "fashion_mnist"}}
    assert "Running stage 'tune@" in printed


@pytest.mark.parametrize("values", [EMBEDDED, QUICK], ids=["embedded", "quick"])
def test_the_published_study_can_be_reduced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[tuple[str, ...], Any]
) -> None:
    shutil.copy2(REPOSITORY / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    before = (tmp_path / "params.yaml").read_text()
    note = reduce_params(values, ["residual_no_norm"])
    params, content = validate(read_yaml()), read_yaml()
    for keys, value in values.items():
        assert section(content, *keys) == value
        changed = section(read_yaml(REPOSITORY / "params.yaml"), *keys) != value
        assert (f"{'.'.join(keys)}: {value} (was " in note) == changed
    # Of the networks those of the original report and the one that was named, with what compares them.
    assert set(params.architectures) == {*REPORT, "residual_no_norm"}
    assert {name for study in params.studies.values() for name in study.members} == set(params.architectures)
    controls = [(pair.of, pair.against) for study in params.studies.values() for pair in study.controls]
    assert ("depth_6_norm", "depth_6") in controls
    assert ("residual", "residual_no_norm") in controls
    assert "kernel_5x5_matched" in note
    # What is left is written as it was, comments too.
    written = (tmp_path / "params.yaml").read_text()
    assert "  budgets: [1, 2]           # epochs; the largest" in written
    assert [line for line in written.splitlines() if line.startswith("#")] == [
        line for line in before.splitlines() if line.startswith("#")
    ]
    assert reduce_params(values, ["residual_no_norm"]) == "params.yaml is as small already"
    assert (tmp_path / "params.yaml").read_text() == written


def reduced(folder: Path, change: Callable[[Any], None], *also: str) -> Params:
    """The published params.yaml with a change, reduced to minutes in ``folder``, in which one is."""
    content = read_yaml(REPOSITORY / "params.yaml")
    change(content)
    (folder / "params.yaml").write_text(json.dumps(content))
    validate(read_yaml())
    reduce_params(QUICK, also)
    return validate(read_yaml())


def test_a_folder_keeps_all_of_its_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = reduced(tmp_path, lambda content: content["data"].update(dataset="folder")).data
    assert (data.train_images, data.test_images) == ("all", "all")


def add_mirror(content: Any) -> None:
    """Of a network that the report does not have."""
    name = "kernel_5x5_matched_adamw"
    entries = content["architectures"]
    entries[name] = dict(entries["kernel_5x5_matched"], training=entries["kernel_3x3_adamw"]["training"])
    content["studies"]["optimizer"]["members"][name] = "5×5, matched, AdamW"


def keep_a_study(*members: str) -> Callable[[Any], None]:
    def change(content: Any) -> None:
        content["studies"] = {
            "own": {
                "title": "Own",
                "question": "?",
                "baseline": members[0],
                "members": {one: one for one in members},
            }
        }

    return change


def replay_others(content: Any) -> None:
    content["replay"]["architectures"] = ["kernel_5x5_matched"]


def budgets_of_its_own(content: Any) -> None:
    content["architectures"]["residual"]["training"] = {"budgets": [8, 1, 4]}


def test_a_mirror_brings_the_network_that_it_mirrors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    params = reduced(tmp_path, add_mirror, "kernel_5x5_matched_adamw", "kernel_3x3_adamw")
    mirror = "kernel_5x5_matched_adamw"
    assert params.partners("optimizer") == {"kernel_3x3_adamw": "kernel_3x3", mirror: "kernel_5x5_matched"}
    assert "kernel_7x7_matched" not in params.architectures
    assert params.trainings[mirror].budgets == (1, 2)


def test_the_study_of_a_baseline_that_was_named_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    params = reduced(tmp_path, lambda content: None, "kernel_3x3_adamw")
    assert list(params.studies["optimizer"].members) == ["kernel_3x3_adamw"]


@pytest.mark.parametrize(
    "change", [keep_a_study("kernel_3x3", "kernel_3x3_wide"), replay_others], ids=["study", "replay"]
)
def test_all_networks_stay_where_those_of_the_report_are_not_studied_or_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    params = reduced(tmp_path, change)
    assert list(params.architectures) == list(read_yaml(REPOSITORY / "params.yaml")["architectures"])
    # Reduced all the same, where an entry has budgets of its own as well.
    assert {max(training.budgets) for training in params.trainings.values()} == {2}


@pytest.mark.parametrize(("budgets", "left"), [([2], (2,)), ([1], (1,)), ([4, 8], (2,)), ([1, 2, 4, 8], (1, 2))])
def test_quick_adds_no_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budgets: list[int], left: tuple[int, ...]
) -> None:
    monkeypatch.chdir(tmp_path)

    def change(content: Any) -> None:
        content["training"]["budgets"] = budgets

    assert reduced(tmp_path, change).training.budgets == left


def test_a_file_with_anchors_and_exponents_is_reduced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (REPOSITORY / "params.yaml").read_text("utf-8").replace("norm: true", "norm: &yes true", 1)
    text = text.replace("adamw_rate: 0.01", "adamw_rate: 1e-2", 1)
    (tmp_path / "params.yaml").write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    validate(read_yaml())
    reduce_params(QUICK, [])
    assert "&yes true" in (tmp_path / "params.yaml").read_text("utf-8")


def test_the_embedded_images_have_their_own_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = read_yaml(REPOSITORY / "params.yaml")
    content["data"].update(dataset="folder", size=16)
    (tmp_path / "params.yaml").write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)
    reduce_params(EMBEDDED, [])
    assert validate(read_yaml()).data.size == 32


def test_budgets_of_an_entry_are_capped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert reduced(tmp_path, budgets_of_its_own).trainings["residual"].budgets == (2, 1)


def test_a_study_without_networks_of_the_report_keeps_its_own(
    untouched: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy2(untouched.folder / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert reduce_params(QUICK, []) == "params.yaml is as small already"
    assert list(validate(read_yaml()).architectures) == ["small", "other"]


@pytest.mark.parametrize(
    ("template", "filled"), [("curves", "y"), ("budgets", "x"), ("learning_rates", "y"), ("budgets", "y")]
)
def test_a_chart_leaves_out_what_has_no_value(template: str, filled: str) -> None:
    text = (REPOSITORY / f".dvc/plots/{template}.json").read_text()
    for axis in ("X", "Y"):
        text = text.replace(f"<DVC_METRIC_{axis}>", axis.lower()).replace(f"<DVC_METRIC_{axis}_LABEL>", axis)
    points = [
        {
            "x": "1",
            "y": "1",
            "name": name,
            "study_title": "s",
            "architecture": name,
            "rev": "workspace",
            "status": status,
        }
        for name, status in (("whole", "trained"), ("broken", "diverged"))
    ]
    points[1][filled] = ""
    spec = json.loads(text)
    spec["data"]["values"] = points
    drawn = vl_convert.vegalite_to_svg(spec)
    assert "whole" in drawn
    assert "broken" not in drawn


@pytest.mark.long
@pytest.mark.thorough
def test_networks_that_diverge_with_other_threads_or_stand_in_no_study_are_reported(
    project: Project,
) -> None:
    def change(params: Any) -> None:
        broken = {"weight_decay": 10.0, "schedule": "constant", "threads": 1}
        training = {"learning_rate": 100.0, "budgets": [5], "recipe": broken}
        params["architectures"]["small"].update(training=training)
        del params["studies"]["kernel_size"]["members"]["other"]
        params["studies"]["kernel_size"]["controls"] = []

    project.edit_params(change)
    project.repro()
    environment = json.loads((project.folder / "metrics/environment.json").read_text())
    assert environment["comparable"] == (usable_cores() == 1)
    if usable_cores() > 1:
        groups = [group["stages"] for group in environment["environments"] if group["threads"] == 1]
        apart = [stage for group in groups for stage in group]
        # Pictures, always in fp32, are apart from the rest where that is in bf16.
        stages = ("tune@small", "train@small", "evaluate@small", "evaluate@small, pictures", "cost, small")
        assert sorted(apart) == sorted(stages)
    found = summary_of(project)["architectures"]["small"]
    assert found["status"] == "diverged"
    assert found["test_accuracy"] == {"mean": None, "ci95": None, "per_seed": [None]}
    assert found["receptive_field"]["effective"] is None
    assert found["receptive_field"]["deviation_trained"]["mean"] is None
    assert found["receptive_field"]["deviation_untrained"]["mean"] > 0
    headline = json.loads((project.folder / "metrics/headline.json").read_text())
    assert headline == {"small": None}  # the only one in a study
    timing = json.loads((project.folder / "metrics/timing.json").read_text())["architectures"]["small"]
    assert timing["train_seconds"]["mean"] is None
    assert timing["step"]["seconds"] > 0
    assert timing["step"]["runs"] == {}  # of a run that came to its end
    cost = pd.read_csv(project.folder / "plots/timing/cost.csv")
    assert cost[["architecture", "study", "study_title"]].to_numpy().tolist() == [
        ["small", "kernel_size", "Kernel size"],
        ["other", "in_no_study", "In no study"],
    ]
    assert project.run("dvc", "plots", "show")


def test_a_data_set_of_one_s_own_is_not_replaced_by_the_embedded_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy2(REPOSITORY / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CIFAR10_ARCHIVE", "")
    params = validate(read_yaml())
    mine = params.model_copy(update={"data": params.data.model_copy(update={"dataset": "mine"})})
    monkeypatch.setattr(study, "validate", lambda _: mine)
    monkeypatch.setattr(study, "warn_of_memory", lambda _: None)
    monkeypatch.setattr(study.Needed, "run", lambda *_: 0)
    assert study.main("", "dvc", Resources()) == 0
    assert (tmp_path / "params.yaml").read_bytes() == (REPOSITORY / "params.yaml").read_bytes()


def test_cifar10_asked_for_by_name_and_not_to_be_had_is_an_error_and_changes_nothing(
    untouched: Project, tmp_path: Path
) -> None:
    project = untouched.copy_to(tmp_path / "project")
    project.edit_params(lambda params: params["data"].update(dataset="cifar10"))
    before = (project.folder / "params.yaml").read_bytes()
    command = (sys.executable, "-m", "scripts.study", "cifar10")
    printed = project.run(*command, ok=False, CIFAR10_ARCHIVE="", **NO_NETWORK)
    assert printed.startswith("DATASET: found cifar10, but there is none")
    assert "Running stage" not in printed
    assert (project.folder / "params.yaml").read_bytes() == before


def test_a_mistake_in_params_stops_before_any_work(project: Project) -> None:
    project.edit_params(lambda params: params["architectures"]["small"]["layers"][0].update(kernel=4))
    printed = project.run("dvc", "repro", ok=False)
    assert "params.yaml: architectures.small.layers[0].kernel: found 4, allowed: an odd number" in printed
    assert "Traceback" not in printed
    assert "tune small rate" not in printed


def test_a_mistake_in_the_analysis_s_parameters_loses_no_result(project: Project) -> None:
    before = {path: path.read_bytes() for path in project.folder.glob("metrics/*")}
    project.edit_params(lambda params: params["studies"]["kernel_size"].update(baseline="smal"))
    printed = project.run("dvc", "repro", ok=False)
    assert "studies.kernel_size.baseline: found 'smal', allowed: one of the study's members" in printed
    assert {path: path.read_bytes() for path in project.folder.glob("metrics/*")} == before
    assert len(list(project.folder.glob("plots/data/*"))) > 5


def test_small_study_is_valid() -> None:
    params = read_yaml(REPOSITORY / "params.yaml")
    small_study(params)
    validate(params)
