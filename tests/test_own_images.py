"""The whole pipeline on a folder of real pictures, as docs/own-images.md has it."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tests.conftest import Project, made_once

pytestmark = pytest.mark.thorough

NAMES = ("zero", "one", "two", "three")


def write_digits(folder: Path) -> None:
    """Scikit-learn's digits of four classes, 8×8 in 17 shades of grey, as PNG; of "two" a third."""
    digits = load_digits(n_class=len(NAMES))
    for number, (pixels, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        if label == 2 and number % 3:
            continue
        path = folder / NAMES[label] / f"{number:04}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray((15 * pixels).astype(np.uint8)).save(path)


def of_a_folder(params: Any) -> None:
    params["data"].update(dataset="folder", size=16, train_images="all", test_images="all")
    params["training"].update(budgets=[4])


@pytest.fixture(scope="module")
def study(untouched: Project, shared: Path) -> Project:
    def make(folder: Path) -> None:
        project = untouched.copy_to(folder)
        write_digits(folder / "data/images")
        project.edit_params(of_a_folder)
        project.repro()
        project.commit("results")

    return Project(made_once(shared / "own_images", make))


@pytest.mark.long
def test_the_report_speaks_of_their_images_and_classes(study: Project) -> None:
    report = (study.folder / "plots/report.md").read_text()
    images = len(list((study.folder / "data/images").glob("*/*.png")))
    assert f"2 networks on {images} images of 4 classes" in report
    assert "CIFAR-10; " not in report
    page = (study.folder / "plots/report.html").read_text()
    confused = (study.folder / "plots/data/confusion.csv").read_text()
    for name in NAMES:
        assert name in page
        assert f",{name}," in confused
    assert re.search(r"\| class +\| +training \| +validation \| +test \|", report)
    assert "balanced accuracy" in report
    summary = json.loads((study.folder / "metrics/summary.json").read_text())["architectures"]["small"]
    assert summary["status"] == "trained"
    assert summary["balanced_accuracy"]["mean"] != summary["test_accuracy"]["mean"]


def test_a_picture_more_reruns_what_sees_images_and_a_note_nothing(study: Project, tmp_path: Path) -> None:
    project = study.copy_to(tmp_path / "project")
    (project.folder / "data/images/README.md").write_text("my flowers")
    assert "up to date" in project.run("dvc", "status")
    # In another format, with the same pixels: read again, and that is all.
    picture = min((project.folder / "data/images/zero").glob("*.png"))
    Image.open(picture).save(picture, compress_level=0)
    assert project.repro() == {"download"}
    picture.unlink()
    assert project.repro("prepare") == {"download", "prepare"}
    stages = {stage.partition("@")[0] for stage in json.loads(project.run("dvc", "status", "--json"))}
    assert stages == {"tune", "train", "replay", "evaluate", "analyze"}


def test_an_experiment_in_a_copy_says_how_an_untracked_folder_gets_there(
    untouched: Project, tmp_path: Path
) -> None:
    project = untouched.copy_to(tmp_path / "project")
    project.edit_params(of_a_folder)
    project.commit("a study of a folder")
    write_digits(project.folder / "data/images")
    printed = project.run("dvc", "exp", "run", "--temp", "prepare", ok=False)
    assert "data/images: found no folder of pictures" in printed
    assert "`dvc add` the folders in it" in printed
    assert "Traceback" not in printed
    project.run("dvc", "add", *(f"data/images/{name}" for name in NAMES))
    project.run("git", "add", "data/images")
    assert "Ran experiment" in project.run("dvc", "exp", "run", "--temp", "prepare")
