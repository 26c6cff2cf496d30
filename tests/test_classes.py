"""Whose confidence is nearest to its accuracy, and which classes are taken for which."""

from dataclasses import replace

import numpy as np
import pytest

from cnn_study.report.topics.classes.calibration import calibration, calibration_errors, calibration_findings
from cnn_study.report.topics.classes.confusion import confusion
from tests.report_cases import (
    CLASSES,
    STUDIES,
    assert_numbers_are_their_own,
    labels_of,
    result,
    right_ones,
)


def test_seeds_are_pooled() -> None:
    # Both are 0.72 sure; the first is always right, the second for 6 images of 10.
    one = result("thin", right_ones([10, 6], 10))
    labels, sure = labels_of(10), np.full(10, 0.72)
    runs = {
        key: replace(run, predictions=replace(run.predictions, confidence=sure))
        for key, run in one.evaluation.runs.items()
        if run.predictions is not None
    }
    both = {"thin": replace(one, evaluation=replace(one.evaluation, runs=runs))}
    (interval,) = calibration(both, labels).to_dict("records")
    assert (interval["architecture"], interval["count"]) == ("thin", 20)
    assert interval["confidence"] == pytest.approx(0.72)
    assert interval["accuracy"] == pytest.approx(0.8)
    assert calibration_errors(both, labels) == {"thin": pytest.approx(0.08)}


def test_what_has_not_trained_in_every_run_is_not_judged_by_how_sure_it_is() -> None:
    right = right_ones([8, 8], 10)
    failed = {status: result(status, right, ("trained", status)) for status in ("collapsed", "diverged")}
    trained = {"thin": result("thin", right)}
    labels = labels_of(10)
    assert set(calibration_errors(failed | trained, labels)) == {"thin"}
    assert set(calibration(failed | trained, labels)["architecture"]) == {"thin"}
    assert (calibration_errors(failed, labels), len(calibration(failed, labels))) == ({}, 0)


def test_images_are_counted_by_what_they_show_and_what_a_run_takes_them_for() -> None:
    # One run has all 20 images right, one has those after the 15th a class too high, one has no network.
    runs = result("thin", right_ones([20, 15, 20], 20), ("trained", "trained", "diverged"))
    table = confusion({"thin": runs}, labels_of(20), CLASSES)
    counts = table.pivot_table("count", "actual", "predicted").loc[list(CLASSES), list(CLASSES)].to_numpy()
    expected = np.diag([4] * 5 + [3] * 5)
    expected[range(5, 10), [6, 7, 8, 9, 0]] = 1
    assert (counts == expected).all()


def test_calibration_names_the_best_and_the_worst() -> None:
    (finding,) = calibration_findings({"thin": 0.031, "wide": 0.012, "odd": 0.024}, STUDIES)
    assert finding.text.startswith("Of 3 networks, “wide, twice” (1.2 %) has the smallest")
    assert "narrow one (3.1 %) the largest" in finding.text
    assert calibration_findings({"odd": 0.024}, STUDIES)[0].rule == "calibration_of_one"
    assert calibration_findings({}, STUDIES) == []


def test_every_number_in_a_sentence_is_one_of_its_numbers() -> None:
    assert_numbers_are_their_own(calibration_findings({"thin": 0.031, "wide": 0.012}, STUDIES))
