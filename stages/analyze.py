"""Everything before, and the test images -> metrics/ and plots/.

This is the only stage that reads the test images. Each trained network classifies them once; some are
shown to it again for its receptive field and its feature maps, which choose nothing.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure

from cnn_study.analysis.activations import Activations, dead_table, look_into
from cnn_study.analysis.comparisons import compare_all, compare_pairs
from cnn_study.analysis.effective_field import Field, field_table, fields_of, side
from cnn_study.analysis.results import Logits, Result, environments, headline, summary, timing
from cnn_study.base.environment import Environment, Way, set_up
from cnn_study.base.files import SCRATCH, read_json, scratch_folder, write_json, write_whole
from cnn_study.base.yaml import read_yaml
from cnn_study.data.splits import Split, load_split
from cnn_study.networks.network import Network, initialize, place
from cnn_study.networks.weights import load_network
from cnn_study.params.study import Params, validate
from cnn_study.report import figures, tables
from cnn_study.report.claims import CLAIMED_PAIRS, check_claims
from cnn_study.report.conclusions import find, split_by_clock
from cnn_study.report.contents import Measured, charts_of, page
from cnn_study.report.kit.page import Page, render_html, render_markdown, static_svg
from cnn_study.training.layer_check import checked
from cnn_study.training.loop import Batches, Status, channel_statistics, predict, set_normalization

RUNS = Path("runs")
METRICS = Path("metrics")
PLOTS = Path("plots")


@dataclass(frozen=True)
class Look:
    """An architecture's results, and the network that pictures show: its first run that trained.

    ``status``: of that run; ``collapsed`` where none trained, ``diverged`` and the first weights where all did.
    ``fallbacks``: of the environments that computed its logits, and its fields and pictures.
    """

    result: Result
    fields: tuple[Field, ...]
    network: Network
    status: Status
    fallbacks: Mapping[str, Way]


def main() -> None:
    params = validate(read_yaml())
    remove_leftovers(params)
    test = load_split(Path("data/prepared/test"))
    environment = set_up(params.training.device, params.training.precision, params.training.threads)
    looks = {name: look_at(name, params, test, environment) for name in params.architectures}
    images = torch.from_numpy(test.images)
    shown, many = images[list(params.analysis.shown_images)], images[: params.analysis.images]
    activations = {name: look_into(look.network, shown, many) for name, look in looks.items()}
    results = {name: look.result for name, look in looks.items()}
    replays = {name: read_json(RUNS / "replay" / f"{name}.json") for name in params.replay.architectures}

    compared = compare_all(results, params.studies, test.labels, test.classes)
    dead = {name: activations[name][0].dead for name, look in looks.items() if look.status != "diverged"}
    norms = tables.gradient_norms(results)
    data = {
        "curves": tables.curves(results, params.studies),
        "receptive_fields": tables.receptive_fields(results, params.studies),
        "receptive_fields_by_layer": field_table({name: look.fields for name, look in looks.items()}),
        "dead_channels": dead_table(dead),
        "gradient_norms": norms,
        "gradient_norms_by_seed": tables.gradient_norms_by_seed(results),
        "gradient_norms_by_layer": tables.first_middle_last(norms),
        "gradient_flow": tables.first_over_last(norms),
        "learning_rates": tables.learning_rates(results),
        "replay": tables.replay({name: replay["runs"] for name, replay in replays.items()}),
        "confusion": tables.confusion(results, test.labels, test.classes),
        "calibration": tables.calibration(results, test.labels),
        "differences": tables.differences(compared, params.studies),
        "class_changes": tables.class_changes(compared, params.studies),
    }
    by_clock = {"cost": tables.cost(results, params.studies, test.labels)}
    summaries = {name: summary(result, test.labels) for name, result in results.items()}
    timings = {name: timing(result) for name, result in results.items()}
    errors = tables.calibration_errors(results, test.labels)
    replayed = max(replay["images"] for replay in replays.values())
    found = find(params, data, summaries, timings, compared, errors, replayed)
    pairs = compare_pairs(results, CLAIMED_PAIRS, test.labels, test.classes)
    claims = check_claims(
        params.data.dataset, summaries, timings, pairs,
        data["gradient_norms_by_seed"], data["replay"], params.replay.training.learning_rate,
    )  # fmt: skip
    fallbacks = {f"{name}.{layer}": way for name, look in looks.items() for layer, way in look.fallbacks.items()}
    where = environments(
        list(results.values()),
        replace(environment, fallbacks=fallbacks).as_dict(),
        {name: one["environment"] for name, one in replays.items()},
    )
    whole = {"dataset": params.data.dataset, "test_images": len(test), "architectures": summaries}
    conclusions, conclusions_by_clock = split_by_clock(compared, pairs, found, claims, errors)
    measured = Measured(
        params,
        summaries,
        timings,
        compared,
        found,
        claims,
        data | by_clock,
        len(test),
        where["comparable"],
        replayed,
    )

    # Nothing takes its place before all is there.
    with scratch_folder("analyze") as folder:
        draw(folder / "plots/images", params, test, looks, activations)
        save_tables(folder / "plots/data", data)
        save_tables(folder / "plots/timing", by_clock)
        write_report(folder / "plots", page(measured))
        for name, content in {
            "summary": whole,
            "headline": headline(summaries),
            "timing": {"architectures": timings},
            "environment": where,
            "conclusions": conclusions,
            "timing_conclusions": conclusions_by_clock,
        }.items():
            write_json(folder / "metrics" / f"{name}.json", content)
        publish(folder)
    shutil.rmtree(SCRATCH / "checkpoints", ignore_errors=True)  # all that they were for is done


def publish(folder: Path) -> None:
    """Move what stands in ``folder``/plots and /metrics to the place of what is there."""
    for made in (*(folder / "plots").iterdir(), *(folder / "metrics").iterdir()):
        place = made.relative_to(folder)
        if place.is_dir():
            shutil.rmtree(place)
        place.parent.mkdir(exist_ok=True)
        made.replace(place)


def save_tables(folder: Path, frames: Mapping[str, pd.DataFrame]) -> None:
    """Save each as CSV."""
    folder.mkdir(parents=True)
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.csv", index=False)


def write_report(plots: Path, report: Page) -> None:
    """report.html, and report.md with the charts as pictures in charts/."""
    charts = {}
    for number, figure in enumerate(charts_of(report), start=1):
        charts[figure.title] = f"charts/{number:02}.svg"
        write_whole(plots / charts[figure.title], static_svg(figure.spec or {}).encode())
    write_whole(plots / "report.html", render_html(report, plots).encode())
    write_whole(plots / "report.md", render_markdown(report, charts).encode())


def remove_leftovers(params: Params) -> None:
    """Remove what architectures that params.yaml no longer has left in runs/; DVC's cache keeps it."""
    for part in ("tune", "train", "profile", "replay"):
        names = params.replay.architectures if part == "replay" else params.architectures
        for path in (*(RUNS / part).glob("*"), *(RUNS / "timing" / part).glob("*")):
            if path.stem not in names:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def look_at(name: str, params: Params, test: Split, environment: Environment) -> Look:
    """What the stages found about an architecture, and what its networks make of the test images."""
    architecture = params.architectures[name]
    folder = RUNS / "train" / name
    run = read_json(folder / "run.json")
    images = Batches.of(test, environment.device).images
    environment = checked(environment, architecture, name)
    on_cpu = checked(set_up("cpu", "fp32", environment.threads), architecture, name)

    logits: list[Logits | None] = []
    networks: dict[Status, tuple[int, Network]] = {}
    for seed in run["seeds"]:
        if seed["status"] == "diverged":
            logits.append(None)
            continue
        network = load_network(folder / f"seed-{seed['seed']}.safetensors", architecture)
        networks.setdefault(seed["status"], (seed["seed"], network))
        outputs = predict(place(network, environment), images, environment)
        logits.append(outputs.cpu().numpy())
        place(network, on_cpu)
    order: tuple[Status, ...] = ("trained", "collapsed")
    status: Status = next((one for one in order if one in networks), "diverged")
    first = run["seeds"][0]["seed"] if status == "diverged" else networks[status][0]
    before = place(untrained(params, name, images, first), on_cpu)
    after = networks[status][1] if status in networks else None
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
        effective_field=side(fields[-1].effective_trained),
        trials=tuned["trials"],
        rate_at_edge=tuned["at_edge"],
        clock=[run["epochs"] for run in clock],
        tune_seconds=sum(sum(e["train_seconds"] + e["evaluation_seconds"] for e in s["epochs"]) for s in searches),
        inference_images_per_second=speed["inference_images_per_second"],
    )
    by_cpu = {f"{layer}, for pictures": way for layer, way in on_cpu.fallbacks.items()}
    return Look(result, fields, after or before, status, {**environment.fallbacks, **by_cpu})


def untrained(params: Params, name: str, images: torch.Tensor, seed: int) -> Network:
    """The network with the weights that a run began with.

    It normalises with the statistics of ``images``: this stage reads no training images.
    """
    torch.manual_seed(seed)
    network = Network(params.architectures[name])
    initialize(network, params.recipes[name].initialization)
    set_normalization(network, *channel_statistics(images))
    return network


def draw(
    folder: Path,
    params: Params,
    test: Split,
    looks: Mapping[str, Look],
    activations: Mapping[str, list[Activations]],
) -> None:
    """Save a study's pictures under its key, each kind in a folder of its own."""
    indices, channels = params.analysis.shown_images, params.analysis.channels
    image = test.images[indices[0]]
    keys = {study.title: key for key, study in params.studies.items()}
    remarks = {"trained": "", "collapsed": " (collapsed)", "diverged": " (diverged, first weights)"}
    every = tables.members({name: look.result for name, look in looks.items()}, params.studies)
    for study, rows in every.groupby("study", sort=False):
        key = keys.get(str(study), "in_no_study")
        names = {
            name: f"{shown}{remarks[looks[name].status]}"
            for name, shown in zip(rows["architecture"], rows["name"], strict=True)
        }
        title = f"{study}: filters and activations of the first layer"
        seen = {shown: activations[name][0] for name, shown in names.items()}
        save(figures.first_layers(title, image, seen), folder / "first_layers" / key)
        title = f"{study}: what the central unit of each layer sees, before and after training"
        sights = {shown: looks[name].fields for name, shown in names.items()}
        save(figures.receptive_fields(title, image, sights), folder / "receptive_fields" / key)
        for position, index in enumerate(indices):
            title = f"{study}: feature maps of test image {index} ({test.classes[test.labels[index]]})"
            seen = {shown: activations[name][position] for name, shown in names.items()}
            picture = figures.side_by_side(title, test.images[index], seen, channels)
            save(picture, folder / "side_by_side" / f"{key}_image_{index}")


def save(figure: Figure, path: Path) -> None:
    """Save as PNG, without the date or version that would make each picture differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path.with_suffix(".png"), dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
