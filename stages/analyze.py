"""results/ -> metrics/ and plots/."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from cnn_study.analysis.costs import Costs
from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.results import Result
from cnn_study.analysis.summaries import Timings
from cnn_study.base.files import SCRATCH, load_arrays, scratch_folder, write_json, write_whole
from cnn_study.base.yaml import read_yaml
from cnn_study.cost.records import StepCosts
from cnn_study.data.splits import load_labels
from cnn_study.evaluation.results import Evaluation, Pixels
from cnn_study.messages.progress import bar
from cnn_study.params.study import validate
from cnn_study.profiling.records import Profile, Speed
from cnn_study.report.compose import chapters_of, conclusions_of, page_of
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.page import Page
from cnn_study.report.kit.pictures import png
from cnn_study.report.kit.rendering import render_html, render_markdown, static_svg
from cnn_study.sources.prepared import Prepared
from cnn_study.training.finished import Trained
from cnn_study.training.records import Clocks, Replayed, Tuning

RESULTS = Path("results")
TIMING = RESULTS / "timing"


def main() -> None:
    params = validate(read_yaml())
    for stage in ("evaluate", "profile", "train", "tune"):
        remove_all_but(params.architectures, RESULTS / stage, TIMING / stage, Path("runs") / stage)
    remove_all_but(params.replay.architectures, RESULTS / "replay", TIMING / "replay")
    labels, names = load_labels(RESULTS / "data")
    evidence = Evidence(
        params,
        labels,
        names.classes,
        Prepared.read(RESULTS / "data/images.json"),
        {name: read_result(name) for name in params.architectures},
        {name: Replayed.read(RESULTS / "replay" / f"{name}.json") for name in params.replay.architectures},
        Costs(StepCosts.read(TIMING / "cost.json")),
        read_duplicates(RESULTS / "data/duplicates.npz"),
    )
    chapters = chapters_of(evidence)
    conclusions, timing_conclusions = conclusions_of(chapters)

    # Nothing takes its place before all is there.
    with scratch_folder("analyze") as folder:
        draw(folder / "plots/images", chapters)
        for chapter in chapters:
            save_tables(folder / "plots/data", chapter.tables)
            save_tables(folder / "plots/timing", chapter.timed_tables)
        write_report(folder / "plots", page_of(evidence, chapters))
        metrics = folder / "metrics"
        evidence.summary.write(metrics / "summary.json")
        Timings(architectures=evidence.timings).write(metrics / "timing.json")
        write_json(metrics / "headline.json", evidence.summary.headline(params.headlined))
        write_json(metrics / "environment.json", evidence.environments)
        write_json(metrics / "conclusions.json", conclusions)
        write_json(metrics / "timing_conclusions.json", timing_conclusions)
        publish(folder)
    shutil.rmtree(SCRATCH / "checkpoints", ignore_errors=True)  # all that they were for is done


def remove_all_but(names: Iterable[str], *folders: Path) -> None:
    """Remove what architectures left behind that params.yaml no longer has; git keeps what is committed."""
    kept = set(names)
    for path in (path for folder in folders for path in folder.glob("*")):
        if path.stem not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def read_result(name: str) -> Result:
    """What the stages have found about an architecture."""
    return Result(
        name=name,
        tuning=Tuning.read(RESULTS / "tune" / f"{name}.json"),
        trained=Trained.read(RESULTS / "train" / name, TIMING / "train" / f"{name}.json"),
        profile=Profile.read(RESULTS / "profile" / f"{name}.json"),
        evaluation=Evaluation.read(RESULTS / "evaluate" / name),
        tune_clocks=Clocks.read(TIMING / "tune" / f"{name}.json"),
        speed=Speed.read(TIMING / "profile" / f"{name}.json"),
    )


def read_duplicates(path: Path) -> tuple[Pixels, ...]:
    """The pictures of images that were in two splits, if there are any."""
    pictures = load_arrays(path) if path.exists() else {}
    return tuple(pictures[name] for name in sorted(pictures))


def draw(folder: Path, chapters: Sequence[Chapter]) -> None:
    """Save pictures as PNG."""
    pictures = [picture for chapter in chapters for picture in chapter.pictures.items()]
    for name, picture in bar(pictures, "analyze: pictures"):
        write_whole(folder / name, png(picture()))


def save_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Save each as CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)


def write_report(plots: Path, page: Page) -> None:
    """report.html, and report.md with the charts as pictures in charts/."""
    for figure in bar(page.figures, "analyze: charts"):
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
