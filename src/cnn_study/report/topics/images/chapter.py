"""The chapter on the images: how many there are of each class, and which were in two splits."""

from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Picture

from cnn_study.analysis.evidence import Evidence
from cnn_study.data.splits import is_balanced
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.findings import CONCLUSIONS, Finding, sentences, source
from cnn_study.report.kit.page import Figure, Section, Table
from cnn_study.report.kit.pictures import MEDIUM, axes_at, new_picture, show_image, text_at
from cnn_study.report.kit.wording import MOST_CLASSES, percent, quoted, span
from cnn_study.sources.prepared import Prepared

DATA = "plots/data/images.csv"
PICTURE = "duplicates/images.png"


def chapter(evidence: Evidence) -> Chapter:
    """What is to be known of the images before anything is said of networks."""
    prepared = evidence.prepared
    findings = (of_classes(prepared, evidence.classes), of_duplicates(prepared))
    counts = images_of_classes(prepared, evidence.classes)
    shown = bool(evidence.duplicates)
    figure = Figure(
        "images-duplicates",
        "Test images that are in another split as well",
        "Each equals the other file in every pixel once both are prepared.",
        source(CONCLUSIONS),
        image=f"images/{PICTURE}",
    )
    return Chapter(
        sections=(
            Section(
                "images",
                "The images",
                "What are networks tested on, and is any of it among the training images?",
                sentences(findings),
                figure if shown else None,
                None if is_balanced(prepared.test) else _table(counts),
            ),
        ),
        findings=findings,
        tables={"images": counts},
        pictures={PICTURE: partial(draw_duplicates, evidence)} if shown else {},
    )


def images_of_classes(prepared: Prepared, classes: tuple[str, ...]) -> pd.DataFrame:
    """How many each ``class`` has for ``training``, ``validation`` and ``test``."""
    columns = {"training": prepared.train, "validation": prepared.validation, "test": prepared.test}
    return pd.DataFrame({"class": classes} | columns)


def of_classes(prepared: Prepared, classes: tuple[str, ...]) -> Finding:
    """How large they are, and what guessing reaches."""
    largest = max(range(prepared.classes), key=lambda label: prepared.test[label])
    share = prepared.test[largest] / sum(prepared.test)
    numbers: dict[str, Any] = {
        "images": prepared.images,
        "classes": prepared.classes,
        "fewest": min(prepared.test),
        "most": max(prepared.test),
        "chance": share,
    }
    if is_balanced(prepared.test):
        text = (
            f"All {prepared.classes} classes have {_from_to(prepared.test)} test images: "
            f"guessing reaches {percent(share)}."
        )
        return Finding(text, "images", "equal_classes", numbers, DATA)
    text = (
        f"The {prepared.classes} classes have {_from_to(prepared.test)} test images: always guessing the "
        f"largest, {quoted(classes[largest])}, is right for {percent(share)}. Balanced accuracy, the mean over "
        f"classes, is {percent(1 / prepared.classes)} for that."
    )
    return Finding(text, "images", "unequal_classes", numbers | {"largest": classes[largest]}, DATA)


def of_duplicates(prepared: Prepared) -> Finding:
    """How many images are in two splits, and what became of them."""
    numbers = {
        "of_test": prepared.of_test,
        "tested": prepared.tested,
        "of_validation": prepared.of_validation,
        "dropped": prepared.dropped,
    }
    if not prepared.of_test and not prepared.of_validation:
        return Finding("No two splits have an image in common.", "images", "no_duplicates", numbers, CONCLUSIONS)
    fate = "left out of training and validation" if prepared.dropped else "kept"
    of_test = _equal(prepared.of_test, "training or validation image", f"one of {prepared.tested:,} for testing")
    of_validation = _equal(prepared.of_validation, "training image", "one for validation")
    text = f"{of_test} and {of_validation}, in every pixel; they are {fate}."
    return Finding(text, "images", "duplicates", numbers, CONCLUSIONS)


def _equal(count: int, noun: str, others: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'} {'equals' if count == 1 else 'equal'} {others}"


def draw_duplicates(evidence: Evidence) -> Picture:
    """Test images that were in training or validation as well, with the names of both."""
    picture = new_picture("Images of two splits", 0, 0.5 + 1.4 * len(evidence.duplicates))
    for row, (pair, image) in enumerate(zip(evidence.prepared.pairs, evidence.duplicates, strict=True)):
        top = 0.45 + 1.4 * row
        show_image(axes_at(picture, 0.1, top, 1.2, 1.2), image)
        text_at(picture, 1.5, top, f"{pair.tested}\n{pair.learned}", MEDIUM, va="top")
    return picture


def _table(counts: pd.DataFrame) -> Table:
    rows = counts.sort_values("test", ascending=False, kind="stable")
    some = len(rows) > MOST_CLASSES
    if some:
        rows = pd.concat([rows.head(MOST_CLASSES // 2), rows.tail(MOST_CLASSES // 2)])
    return Table(
        "Images of each class",
        tuple(rows.columns),
        tuple((name, *(f"{count:,}" for count in of_splits)) for name, *of_splits in rows.itertuples(index=False)),
        source(DATA),
        f"The {MOST_CLASSES // 2} largest and the {MOST_CLASSES // 2} smallest of {len(counts):,}."
        if some
        else "",
    )


def _from_to(counts: tuple[int, ...]) -> str:
    return span(f"{min(counts):,}", f"{max(counts):,}")
