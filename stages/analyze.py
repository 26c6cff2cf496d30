"""Everything before, and the test images -> metrics/ and plots/.

This is the only stage that reads the test images. Each trained network classifies them once; some are
shown to it again for its receptive field and its feature maps, which choose nothing.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from cnn_study.analysis.effective_field import side
from cnn_study.analysis.evaluation import Evaluation, TrainedRun, evaluate
from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.results import Result, environments, headline
from cnn_study.base.environment import set_up
from cnn_study.base.files import SCRATCH, read_json, scratch_folder, write_json, write_whole
from cnn_study.base.yaml import read_yaml
from cnn_study.data.shape import Shape
from cnn_study.data.splits import load_split
from cnn_study.networks.weights import load_network
from cnn_study.params.study import Params, validate
from cnn_study.report.compose import chapters_of, conclusions_of, page_of
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.page import Page
from cnn_study.report.kit.rendering import render_html, render_markdown, static_svg

RUNS = Path("runs")


def main() -> None:
    params = validate(read_yaml())
    remove_leftovers(params)
    test = load_split(Path("data/prepared/test"))
    environment = set_up(params.training.device, params.training.precision, params.training.threads)
    evaluations = {
        name: evaluate(
            name,
            architecture,
            params.recipes[name],
            read_runs(name, params, test.shape),
            test,
            params.analysis,
            environment,
        )
        for name, architecture in params.architectures.items()
    }
    results = {name: read_result(name, evaluation) for name, evaluation in evaluations.items()}
    replays = {name: read_json(RUNS / "replay" / f"{name}.json") for name in params.replay.architectures}
    fallbacks = {f"{name}.{layer}": way for name, e in evaluations.items() for layer, way in e.fallbacks.items()}
    where = environments(
        list(results.values()),
        replace(environment, fallbacks=fallbacks).as_dict(),
        {name: replayed["environment"] for name, replayed in replays.items()},
    )
    evidence = Evidence(params, test, results, evaluations, replays, where["comparable"])
    chapters = chapters_of(evidence)
    conclusions, timing_conclusions = conclusions_of(chapters)

    # Nothing takes its place before all is there.
    with scratch_folder("analyze") as folder:
        draw(folder / "plots/images", chapters)
        for chapter in chapters:
            save_tables(folder / "plots/data", chapter.tables)
            save_tables(folder / "plots/timing", chapter.timed_tables)
        write_report(folder / "plots", page_of(evidence, chapters))
        for name, content in {
            "summary": {
                "dataset": params.data.dataset,
                "test_images": len(test),
                "architectures": evidence.summaries,
            },
            "headline": headline(evidence.summaries),
            "timing": {"architectures": evidence.timings},
            "environment": where,
            "conclusions": conclusions,
            "timing_conclusions": timing_conclusions,
        }.items():
            write_json(folder / "metrics" / f"{name}.json", content)
        publish(folder)
    shutil.rmtree(SCRATCH / "checkpoints", ignore_errors=True)  # all that they were for is done


def remove_leftovers(params: Params) -> None:
    """Remove what architectures that params.yaml no longer has left in runs/; DVC's cache keeps it."""
    for part in ("tune", "train", "profile", "replay"):
        names = params.replay.architectures if part == "replay" else params.architectures
        for path in (*(RUNS / part).glob("*"), *(RUNS / "timing" / part).glob("*")):
            if path.stem not in names:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def read_runs(name: str, params: Params, shape: Shape) -> list[TrainedRun]:
    """An architecture's runs, with the weights of those that did not diverge."""
    folder = RUNS / "train" / name
    return [
        TrainedRun(
            run["seed"],
            run["status"],
            None
            if run["status"] == "diverged"
            else load_network(folder / f"seed-{run['seed']}.safetensors", params.architectures[name], shape),
        )
        for run in read_json(folder / "run.json")["seeds"]
    ]


def read_result(name: str, evaluation: Evaluation) -> Result:
    """What the stages found about an architecture, joined with what its networks make of the test images."""
    folder, timing = RUNS / "train" / name, RUNS / "timing"
    run = read_json(folder / "run.json")
    tuned = read_json(RUNS / "tune" / f"{name}.json")
    searches = read_json(timing / "tune" / f"{name}.json")
    speed = read_json(timing / "profile" / f"{name}.json")
    return Result(
        name=name,
        seeds=[seed["seed"] for seed in run["seeds"]],
        statuses=[seed["status"] for seed in run["seeds"]],
        learning_rate=run["learning_rate"],
        environments={"tune": tuned["environment"], "train": run["environment"], "profile": speed["environment"]},
        validation_accuracies=[seed["validation_accuracy"] for seed in run["seeds"]],
        test_logits=evaluation.test_logits,
        history=pd.read_csv(folder / "history.csv"),
        gradients=pd.read_csv(folder / "gradients.csv"),
        profile=read_json(RUNS / "profile" / f"{name}.json"),
        effective_field=side(evaluation.fields[-1].effective_trained),
        trials=tuned["trials"],
        rate_at_edge=tuned["at_edge"],
        clock=[run["epochs"] for run in read_json(timing / "train" / f"{name}.json")],
        tune_seconds=sum(
            sum(epoch["train_seconds"] + epoch["evaluation_seconds"] for epoch in search["epochs"])
            for search in searches
        ),
        inference_images_per_second=speed["inference_images_per_second"],
    )


def draw(folder: Path, chapters: Sequence[Chapter]) -> None:
    """Save pictures as PNG, without the date or version that would make each one differ."""
    for chapter in chapters:
        for name, picture in chapter.pictures.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            picture().savefig(path, dpi=110, metadata={"Software": None})


def save_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Save each as CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)


def write_report(plots: Path, page: Page) -> None:
    """report.html, and report.md with the charts as pictures in charts/."""
    for figure in page.figures:
        if figure.spec is not None:
            write_whole(plots / figure.path, static_svg(figure.spec).encode())
    write_whole(plots / "report.html", render_html(page, plots).encode())
    write_whole(plots / "report.md", render_markdown(page).encode())


def publish(folder: Path) -> None:
    """Move what stands in ``folder``/plots and /metrics to the place of what is there."""
    for made in (*(folder / "plots").iterdir(), *(folder / "metrics").iterdir()):
        place = made.relative_to(folder)
        if place.is_dir():
            shutil.rmtree(place)
        place.parent.mkdir(exist_ok=True)
        made.replace(place)


if __name__ == "__main__":
    main()
