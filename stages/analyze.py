"""Everything before, and the test images -> metrics/ and plots/.

This is the only stage that reads the test images. Each trained network classifies them once; some are
shown to it again for its receptive field and its feature maps, which choose nothing.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from cnn_study import figures, tables
from cnn_study.activations import feature_maps
from cnn_study.environment import Environment, set_up
from cnn_study.files import SCRATCH, read_json, whole_folder, write_json
from cnn_study.networks import Network, initialize, place
from cnn_study.params import Params, validate
from cnn_study.receptive_field import center_of_last, effective_side, influence_of_pixels
from cnn_study.results import Logits, Result, environments, summary, timing
from cnn_study.schema import read_yaml
from cnn_study.splits import Split, load_split
from cnn_study.training import Batches, channel_statistics, predict, set_normalization
from cnn_study.weights import load_network

RUNS = Path("runs")
METRICS = Path("metrics")
PLOTS = Path("plots")
PARTS = ("tune", "train", "profile", "timing/tune", "timing/train", "timing/profile")


def main() -> None:
    params = validate(read_yaml())
    remove_leftovers(set(params.architectures))
    test = load_split(Path("data/prepared/test"))
    environment = set_up(params.training.device, params.training.precision, params.training.threads)
    shown = torch.from_numpy(test.images[params.analysis.shown_image])

    results: dict[str, Result] = {}
    fields: list[figures.Field] = []
    with whole_folder(PLOTS / "images") as pictures:
        for name in params.architectures:
            results[name], field, network = analyze(name, params, test, environment)
            fields.append(field)
            maps = {layer: part.numpy() for layer, part in feature_maps(network, shown).items()}
            first = next(iter(maps.values()))
            status = "" if results[name].status == "trained" else f" ({results[name].status})"
            picture = figures.first_layer(f"{name}{status}: first layer", shown.numpy(), first)
            save(picture, pictures / "first_layer" / name)
            picture = figures.feature_maps(
                f"{name}{status}: feature maps", shown.numpy(), maps, params.analysis.channels
            )
            save(picture, pictures / "feature_maps" / name)
        save(figures.receptive_fields(shown.numpy(), fields), pictures / "receptive_fields")

    labels, every = test.labels, list(results.values())
    with whole_folder(PLOTS / "data") as folder:
        norms = tables.gradient_norms(results)
        for table, frame in {
            "curves": tables.curves(results, params.studies),
            "receptive_fields": tables.receptive_fields(results, params.studies),
            "gradient_norms": norms,
            "gradient_norms_by_layer": tables.first_middle_last(norms),
            "learning_rates": tables.learning_rates(results),
            "confusion": tables.confusion(results, labels, test.classes),
        }.items():
            frame.to_csv(folder / f"{table}.csv", index=False)
    with whole_folder(PLOTS / "timing") as folder:
        tables.cost(results, params.studies, labels).to_csv(folder / "cost.csv", index=False)
    write_json(
        METRICS / "summary.json",
        {
            "dataset": params.data.dataset,
            "test_images": len(test),
            "architectures": {result.name: summary(result, labels) for result in every},
        },
    )
    write_json(METRICS / "timing.json", {"architectures": {result.name: timing(result) for result in every}})
    write_json(METRICS / "environment.json", environments(every, environment.as_dict()))
    shutil.rmtree(SCRATCH / "checkpoints", ignore_errors=True)  # all that they were for is done


def remove_leftovers(names: set[str]) -> None:
    """Remove what architectures that params.yaml no longer has left in runs/; DVC's cache keeps it."""
    for part in PARTS:
        for path in (RUNS / part).glob("*"):
            if path.stem not in names:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def analyze(
    name: str, params: Params, test: Split, environment: Environment
) -> tuple[Result, figures.Field, Network]:
    """What the stages found about an architecture, its receptive field, and a network to look into.

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
    network = networks.get("trained") or networks.get("collapsed") or untrained(params, name, images)

    influence = np.zeros(test.images.shape[2:])
    if networks:
        influence = influence_of_pixels(network, torch.from_numpy(test.images[: params.analysis.images]))
    center = center_of_last(architecture)
    effective = effective_side(influence, center)
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
        effective_field=effective,
        trials=tuned["trials"],
        rate_at_edge=tuned["at_edge"],
        clock=[run["epochs"] for run in clock],
        tune_seconds=sum(sum(e["train_seconds"] + e["evaluation_seconds"] for e in s["epochs"]) for s in searches),
        inference_images_per_second=speed["inference_images_per_second"],
    )
    field = figures.Field(name, profile["receptive_field"], effective, center, influence)
    return result, field, network


def untrained(params: Params, name: str, images: torch.Tensor) -> Network:
    """The network with its first weights: what is left to show where every run diverged.

    It normalises with the statistics of ``images``, which are at hand here; it predicts nothing.
    """
    torch.manual_seed(params.recipes[name].seeds[0])
    network = Network(params.architectures[name])
    initialize(network, params.recipes[name].initialization)
    set_normalization(network, *channel_statistics(images))
    return network


def save(figure: Figure, path: Path) -> None:
    """Save as PNG, without the date or version that would make each picture differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path.with_suffix(".png"), dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
