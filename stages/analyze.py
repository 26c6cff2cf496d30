"""Everything before, and the test images -> metrics/ and plots/.

This is the only stage that reads the test images. Each trained network classifies them once; some are
shown to it again for its receptive field and its feature maps, which choose nothing.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure

from cnn_study import figures, findings, tables
from cnn_study.activations import Activations, dead_table, look_into
from cnn_study.claims import CLAIMED_PAIRS, Claim, check_claims
from cnn_study.comparisons import StudyComparison, compare_all, compare_pairs
from cnn_study.contents import Measured, charts_of, page
from cnn_study.effective_field import Field, field_table, fields_of
from cnn_study.environment import Environment, set_up
from cnn_study.files import SCRATCH, read_json, whole_folder, write_json, write_whole
from cnn_study.findings import TIMING, Finding, first_over_last
from cnn_study.networks import Network, initialize, place
from cnn_study.params import Params, validate
from cnn_study.report import Page, render_html, render_markdown, static_svg
from cnn_study.results import Logits, Result, environments, summary, timing
from cnn_study.schema import read_yaml
from cnn_study.splits import Split, load_split
from cnn_study.training import Batches, channel_statistics, predict, set_normalization
from cnn_study.weights import load_network

RUNS = Path("runs")
METRICS = Path("metrics")
PLOTS = Path("plots")


def main() -> None:
    params = validate(read_yaml())
    remove_leftovers(params)
    test = load_split(Path("data/prepared/test"))
    environment = set_up(params.training.device, params.training.precision, params.training.threads)
    shown = torch.from_numpy(test.images[list(params.analysis.shown_images)])

    results: dict[str, Result] = {}
    fields: dict[str, tuple[Field, ...]] = {}
    activations: dict[str, list[Activations]] = {}
    for name in params.architectures:
        results[name], fields[name], network = analyze(name, params, test, environment)
        activations[name] = look_into(network, shown, torch.from_numpy(test.images[: params.analysis.images]))
    with whole_folder(PLOTS / "images") as folder:
        draw(folder, params, test, results, fields, activations)

    labels, every = test.labels, list(results.values())
    replays = {name: read_json(RUNS / "replay" / f"{name}.json") for name in params.replay.architectures}
    compared = compare_all(results, params.studies, labels, test.classes)
    norms = tables.gradient_norms(results)
    data = {
        "curves": tables.curves(results, params.studies),
        "receptive_fields": tables.receptive_fields(results, params.studies),
        "receptive_fields_by_layer": field_table(fields),
        "dead_channels": dead_table({n: seen[0].dead for n, seen in activations.items() if has_run(fields[n])}),
        "gradient_norms": norms,
        "gradient_norms_by_seed": tables.gradient_norms_by_seed(results),
        "gradient_norms_by_layer": tables.first_middle_last(norms),
        "gradient_flow": first_over_last(norms),
        "learning_rates": tables.learning_rates(results),
        "replay": tables.replay({name: replay["runs"] for name, replay in replays.items()}),
        "confusion": tables.confusion(results, labels, test.classes),
        "calibration": tables.calibration(results, labels),
        "differences": tables.differences(compared, params.studies),
        "class_changes": tables.class_changes(compared, params.studies),
    }
    cost = tables.cost(results, params.studies, labels)
    save_tables(PLOTS / "data", data)
    save_tables(PLOTS / "timing", {"cost": cost})

    summaries = {result.name: summary(result, labels) for result in every}
    timings = {result.name: timing(result) for result in every}
    errors = tables.calibration_errors(results, labels)
    found = find(params, data, summaries, timings, compared, errors)
    claims = check_claims(
        params.data.dataset,
        summaries,
        timings,
        compare_pairs(results, CLAIMED_PAIRS, labels, test.classes),
        data["gradient_norms_by_seed"],
        data["replay"],
        float(params.replay.training.learning_rate),  # a number: Replay refuses the word
    )
    write_json(
        METRICS / "summary.json",
        {"dataset": params.data.dataset, "test_images": len(test), "architectures": summaries},
    )
    write_json(METRICS / "timing.json", {"architectures": timings})
    where = environments(every, environment.as_dict(), {n: r["environment"] for n, r in replays.items()})
    write_json(METRICS / "environment.json", where)
    conclusions, by_clock = split_by_clock(compared, found, claims, errors)
    write_json(METRICS / "conclusions.json", conclusions)
    write_json(METRICS / "timing_conclusions.json", by_clock)
    measured = Measured(params, summaries, timings, compared, found, claims, data | {"cost": cost}, len(test))
    write_report(page(measured))
    shutil.rmtree(SCRATCH / "checkpoints", ignore_errors=True)  # all that they were for is done


def save_tables(place: Path, frames: Mapping[str, pd.DataFrame]) -> None:
    """Save each as CSV in the folder, which has no other file then."""
    with whole_folder(place) as folder:
        for name, frame in frames.items():
            frame.to_csv(folder / f"{name}.csv", index=False)


def find(
    params: Params,
    data: Mapping[str, pd.DataFrame],
    summaries: Mapping[str, Any],
    timings: Mapping[str, Any],
    compared: Mapping[str, StudyComparison],
    errors: Mapping[str, float],
) -> list[Finding]:
    """All that the rules find, study by study, then what is about all networks."""
    found = [
        finding
        for key, study in params.studies.items()
        for finding in findings.of_study(key, study, compared[key], summaries, timings)
    ]
    own = params.replay.training.learning_rate
    return [
        *found,
        *findings.of_fields(summaries, params.studies),
        *findings.of_gradients(data["gradient_norms"], params.studies, summaries),
        *findings.of_rates(data["learning_rates"], params.studies),
        *(findings.of_replay(data["replay"], params.studies, own) if isinstance(own, float) else ()),
        *findings.of_calibration(errors, params.studies),
    ]


def split_by_clock(
    compared: Mapping[str, StudyComparison],
    found: Sequence[Finding],
    claims: Sequence[Claim],
    errors: Mapping[str, float],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The contents of metrics/conclusions.json, and of timing_conclusions.json: whatever a clock measured."""
    studies = {key: asdict(study) for key, study in compared.items()}
    pareto = {key: study.pop("pareto") for key, study in studies.items()}
    seconds = {
        key: {
            f"{one['of']} over {one['against']}": one["ratios"].pop("train_seconds")
            for one in (*study["against_baseline"], *study["controls"])
        }
        for key, study in studies.items()
    }

    def part(by_clock: bool) -> dict[str, Any]:
        return {
            "findings": [asdict(finding) for finding in found if (finding.data == TIMING) == by_clock],
            "claims": [asdict(claim) for claim in claims if (claim.data == TIMING) == by_clock],
        }

    clockless = {"studies": studies, "calibration_errors": dict(errors)} | part(by_clock=False)
    return clockless, {"pareto": pareto, "train_seconds_ratios": seconds} | part(by_clock=True)


def write_report(report: Page) -> None:
    """plots/report.html, and plots/report.md with the charts as pictures in plots/charts/."""
    charts = {}
    with whole_folder(PLOTS / "charts") as folder:
        for number, figure in enumerate(charts_of(report), start=1):
            charts[figure.title] = f"charts/{number:02}.svg"
            write_whole(folder / f"{number:02}.svg", static_svg(figure.spec or {}).encode())
    write_whole(PLOTS / "report.html", render_html(report, PLOTS).encode())
    write_whole(PLOTS / "report.md", render_markdown(report, charts).encode())


def remove_leftovers(params: Params) -> None:
    """Remove what architectures that params.yaml no longer has left in runs/; DVC's cache keeps it."""
    for part in ("tune", "train", "profile", "replay"):
        names = params.replay.architectures if part == "replay" else params.architectures
        for path in (*(RUNS / part).glob("*"), *(RUNS / "timing" / part).glob("*")):
            if path.stem not in names:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def analyze(
    name: str, params: Params, test: Split, environment: Environment
) -> tuple[Result, tuple[Field, ...], Network]:
    """What the stages found about an architecture, its receptive fields, and a network to look into.

    That is the first that trained; where none did, one that collapsed; where all diverged, one untrained.
    """
    architecture = params.architectures[name]
    folder = RUNS / "train" / name
    run = read_json(folder / "run.json")
    images = Batches.of(test, environment.device).images

    logits: list[Logits | None] = []
    networks: dict[str, Network] = {}
    for seed in run["seeds"]:
        if seed["status"] == "diverged":
            logits.append(None)
            continue
        network = load_network(folder / f"seed-{seed['seed']}.safetensors", architecture)
        networks.setdefault(seed["status"], network)
        outputs = predict(place(network, environment.device), images, environment)
        logits.append(outputs.cpu().numpy())
        network.to("cpu")
    before, after = untrained(params, name, images), networks.get("trained") or networks.get("collapsed")
    fields = fields_of(architecture, torch.from_numpy(test.images[: params.analysis.images]), before, after)
    profile = read_json(RUNS / "profile" / f"{name}.json")
    clock: list[dict[str, Any]] = read_json(RUNS / "timing" / "train" / f"{name}.json")
    searches: list[dict[str, Any]] = read_json(RUNS / "timing" / "tune" / f"{name}.json")
    tuned = read_json(RUNS / "tune" / f"{name}.json")
    speed = read_json(RUNS / "timing" / "profile" / f"{name}.json")
    result = Result(
        name=name,
        seeds=[seed["seed"] for seed in run["seeds"]],
        statuses=[seed["status"] for seed in run["seeds"]],
        learning_rate=run["learning_rate"],
        environments={"tune": tuned["environment"], "train": run["environment"], "profile": speed["environment"]},
        validation_accuracies=[seed["validation_accuracy"] for seed in run["seeds"]],
        test_logits=logits,
        history=pd.read_csv(folder / "history.csv"),
        gradients=pd.read_csv(folder / "gradients.csv"),
        profile=profile,
        effective_field=fields[-1].effective_trained,
        trials=tuned["trials"],
        rate_at_edge=tuned["at_edge"],
        clock=[run["epochs"] for run in clock],
        tune_seconds=sum(sum(e["train_seconds"] + e["evaluation_seconds"] for e in s["epochs"]) for s in searches),
        inference_images_per_second=speed["inference_images_per_second"],
    )
    return result, fields, after or before


def untrained(params: Params, name: str, images: torch.Tensor) -> Network:
    """The network with the weights that its first run began with.

    It normalises with the statistics of ``images``: this stage reads no training images.
    """
    torch.manual_seed(params.recipes[name].seeds[0])
    network = Network(params.architectures[name])
    initialize(network, params.recipes[name].initialization)
    set_normalization(network, *channel_statistics(images))
    return network


def draw(
    folder: Path,
    params: Params,
    test: Split,
    results: dict[str, Result],
    fields: dict[str, tuple[Field, ...]],
    activations: dict[str, list[Activations]],
) -> None:
    """Save a study's pictures under its key, each kind in a folder of its own."""
    indices, channels = params.analysis.shown_images, params.analysis.channels
    image = test.images[indices[0]]
    keys = {study.title: key for key, study in params.studies.items()}
    for study, rows in tables.members(results, params.studies).groupby("study", sort=False):
        key = keys.get(str(study), "in_no_study")
        names = {
            name: f"{shown}{remark(results[name], fields[name])}"
            for name, shown in zip(rows["architecture"], rows["name"], strict=True)
        }
        title = f"{study}: filters and activations of the first layer"
        seen = {shown: activations[name][0] for name, shown in names.items()}
        save(figures.first_layers(title, image, seen), folder / "first_layers" / key)
        title = f"{study}: what the central unit of each layer sees, before and after training"
        sights = {shown: fields[name] for name, shown in names.items()}
        save(figures.receptive_fields(title, image, sights), folder / "receptive_fields" / key)
        for position, index in enumerate(indices):
            title = f"{study}: feature maps of test image {index} ({test.classes[test.labels[index]]})"
            seen = {shown: activations[name][position] for name, shown in names.items()}
            picture = figures.side_by_side(title, test.images[index], seen, channels)
            save(picture, folder / "side_by_side" / f"{key}_image_{index}")


def remark(result: Result, fields: tuple[Field, ...]) -> str:
    """What to add to a network's name in pictures, where it is not one of an architecture that trained."""
    if result.status == "trained":
        return ""
    return f" ({result.status})" if has_run(fields) else f" ({result.status}, first weights)"


def has_run(fields: tuple[Field, ...]) -> bool:
    """Whether any run has left a network: all may have diverged."""
    return fields[0].trained is not None


def save(figure: Figure, path: Path) -> None:
    """Save as PNG, without the date or version that would make each picture differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path.with_suffix(".png"), dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
