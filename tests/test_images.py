"""What the report says of the images: classes of unequal size, what is in two splits, and many classes."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from cnn_study.analysis.results import Result
from cnn_study.analysis.summaries import Summary
from cnn_study.data.splits import is_balanced
from cnn_study.report.kit.members import Members, of_studies
from cnn_study.report.kit.page import Figure
from cnn_study.report.kit.palette import styles_of
from cnn_study.report.kit.wording import MOST_CLASSES, images_in_words
from cnn_study.report.topics.classes.confusion import confusion, confusion_chart, figure_of_one
from cnn_study.report.topics.images.chapter import chapter, draw_duplicates, of_classes, of_duplicates
from cnn_study.report.topics.studies.class_changes import class_chart
from cnn_study.sources.prepared import EqualImages, Prepared
from tests.report_cases import prepared_of, result
from tests.test_compose import IMAGES, PARAMS, made_up_evidence

PREPARED = prepared_of(IMAGES)
UNEQUAL = Prepared(
    train=(60, 30, 8),
    validation=(6, 3, 1),
    test=(12, 6, 2),
    of_test=3,
    tested=2,
    of_validation=1,
    dropped=True,
    pairs=(EqualImages(learned="cat/1.png", tested="dog/$7.png", place=4),),
)
NAMES = ("cat", "dog", "owl")


def predicting(name: str, right: npt.NDArray[np.bool_], labels: npt.NDArray[np.int64]) -> Result:
    """An architecture whose runs (runs, N) take an image for its class, or else for the next one."""
    one = result(name, right)
    wrong = (labels + 1) % (labels.max() + 1)
    runs = dict(one.evaluation.runs)
    for run, of_run in zip(one.runs, right, strict=True):
        before = runs[run.key].predictions
        assert before is not None
        runs[run.key] = replace(
            runs[run.key], predictions=replace(before, predicted=np.where(of_run, labels, wrong))
        )
    return replace(one, evaluation=replace(one.evaluation, runs=runs))


def test_a_folder_is_called_by_its_images_and_classes_and_a_named_data_set_by_its_name() -> None:
    assert images_in_words("folder", UNEQUAL) == "128 images of 3 classes"
    assert images_in_words("folder", PREPARED) == "6,000 images of 10 classes"
    assert images_in_words("cifar100", PREPARED) == "CIFAR-100"


def test_guessing_is_right_as_often_as_the_largest_class_is_asked_for() -> None:
    assert "always guessing the largest, cat, is right for 60.0 %." in of_classes(UNEQUAL, NAMES).text
    assert "is 33.3 % for that" in of_classes(UNEQUAL, NAMES).text
    assert of_classes(PREPARED, ("a",) * 10).text == (
        "All 10 classes have 100 test images: guessing reaches 10.0 %."
    )


def test_duplicates_are_counted_with_what_became_of_them() -> None:
    left_out = of_duplicates(UNEQUAL)
    assert left_out.text == (
        "3 training or validation images equal one of 2 for testing and 1 training image equals one for "
        "validation, in every pixel; they are left out of training and validation."
    )
    kept = of_duplicates(UNEQUAL.model_copy(update={"dropped": False}))
    assert kept.text.endswith("they are kept.")
    assert of_duplicates(PREPARED).text == "No two splits have an image in common."


def test_the_chapter_shows_unequal_classes_in_a_table_and_duplicates_in_a_picture() -> None:
    evidence = made_up_evidence()
    (equal,) = chapter(evidence).sections
    assert (equal.tables, equal.figures) == ((), ())
    picture = np.zeros((3, 32, 32), np.uint8)
    unequal = replace(evidence, prepared=UNEQUAL, classes=NAMES, duplicates=(picture,))
    (section,) = chapter(unequal).sections
    assert section.tables[0].rows[0] == ("cat", "60", "6", "12")
    assert section.figures[0].image == "images/duplicates/images.png"
    assert [text.get_text() for text in draw_duplicates(unequal).texts][1] == "dog/$7.png\ncat/1.png"
    draw_duplicates(unequal).canvas.draw()


def test_balanced_accuracy_is_the_mean_over_classes_and_there_where_these_are_unequal() -> None:
    labels = np.array([0] * 8 + [1] * 2)
    right = np.array([[True] * 8 + [False] * 2, [True] * 4 + [False] * 4 + [True] * 2])
    summary = Summary.of(predicting("thin", right, labels), labels, 1000)
    assert summary.test_accuracy.per_seed == (0.8, 0.6)
    assert summary.balanced_accuracy is not None
    assert summary.balanced_accuracy.per_seed == (0.5, 0.75)
    smaller, _ = (one.balanced_accuracy for one in summary.by_budget.values())
    assert smaller is not None
    assert smaller.per_seed == (0.0, 0.0)
    assert is_balanced((2, 1))
    assert not is_balanced((3, 1))


@pytest.mark.parametrize("count", [MOST_CLASSES, 1000])
def test_a_chart_of_many_classes_shows_some_of_them(count: int) -> None:
    evidence = made_up_evidence()
    labels = np.arange(2000) % count
    classes = [f"class {label:03}" for label in range(count)]
    results = {
        name: predicting(name, np.random.default_rng(0).random((1, 2000)) < 0.5, labels)
        for name in PARAMS.architectures
    }
    table = confusion(results, labels, classes)
    assert table["count"].sum() == 2000 * len(results)
    assert len(table) == len(results) * count**2 if count == MOST_CLASSES else len(table) <= len(results) * 2000
    members = of_studies(evidence.params)[0]
    changes = pd.DataFrame(
        [
            {"study": members.key, "architecture": name, "class": label, "points": float(place)}
            for name in members.names
            for place, label in enumerate(classes)
        ]
    )
    cells = confusion_chart(table, members)["data"]["values"]
    assert MOST_CLASSES - 2 < len({cell[of] for cell in cells for of in ("actual", "predicted")}) <= MOST_CLASSES
    assert {row["class"] for row in class_chart(changes, members)["data"]["values"]} == set(
        classes[-MOST_CLASSES:]
    )


def of_forty_classes(*never_right: int) -> Figure:
    """The figure of a network that is right of all 80 test images but those of these classes."""
    labels = np.arange(80) % 40
    one = predicting("thin", ~np.isin(labels, never_right)[None, :], labels)
    table = confusion({"thin": one}, labels, [f"class {label:02}" for label in range(40)])
    return figure_of_one(table, Members("width", "Width", {"thin": "thin"}, styles_of(["thin"])), "A title")


def test_a_network_without_a_mistake_among_many_classes_has_its_figure() -> None:
    figure = of_forty_classes()
    assert figure.alt.endswith("Of all 40 classes, from 100.0 % (class 00) to 100.0 % (class 39) are right.")
    assert figure.caption.endswith(
        " 30 classes are shown, first of all those of the pairs that are confused most often."
    )
    assert figure.spec is not None
    assert {cell["actual"] for cell in figure.spec["data"]["values"]} == {
        f"class {label:02}" for label in range(30)
    }


def test_of_many_classes_one_that_is_never_recognised_is_the_lowest_and_is_shown() -> None:
    figure = of_forty_classes(37)
    assert "Of all 40 classes, from 0.0 % (class 37) to 100.0 % (class 39) are right." in figure.alt
    assert figure.spec is not None
    shown = {cell["actual"] for cell in figure.spec["data"]["values"]}
    assert len(shown) == 30
    assert {"class 37", "class 38"} <= shown
