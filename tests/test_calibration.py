"""Calibration as computed by hand, and of networks that are as sure as they should be, or surer."""

import numpy as np
import pytest

from cnn_study.analysis.calibration import expected_calibration_error, reliability


def test_a_small_example_as_by_hand() -> None:
    # In halves and quarters of 0-1.
    confidence, correct = np.array([0.6, 0.7, 0.9, 0.9]), np.array([True, False, True, False])
    table = reliability(confidence, correct, bins=4)
    assert table["center"].tolist() == [0.125, 0.375, 0.625, 0.875]
    assert table["count"].tolist() == [0, 0, 2, 2]
    assert table["confidence"].tolist() == pytest.approx([np.nan, np.nan, 0.65, 0.9], nan_ok=True)
    assert table["accuracy"].tolist() == pytest.approx([np.nan, np.nan, 0.5, 0.5], nan_ok=True)
    assert expected_calibration_error(confidence, correct, bins=4) == pytest.approx((2 * 0.15 + 2 * 0.4) / 4)
    assert expected_calibration_error(confidence, correct, bins=2) == pytest.approx(0.775 - 0.5)


def test_an_interval_includes_its_upper_end() -> None:
    sure_and_even = np.array([1.0, 0.5])
    assert reliability(sure_and_even, np.array([True, True]), bins=2)["count"].tolist() == [1, 1]


def test_a_network_that_is_right_as_often_as_it_is_sure_has_no_error() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.full(10, 0.3), size=50_000)
    labels = (probabilities.cumsum(1) > generator.random((50_000, 1))).argmax(1)
    correct = probabilities.argmax(1) == labels
    assert expected_calibration_error(probabilities.max(1), correct) < 0.01
    squares = probabilities**2  # as with logits twice as large
    assert expected_calibration_error((squares / squares.sum(1, keepdims=True)).max(1), correct) > 0.05


def test_a_network_that_is_too_sure_errs_by_as_much() -> None:
    correct = np.arange(1000) < 600
    assert expected_calibration_error(np.full(1000, 0.9), correct) == pytest.approx(0.9 - 0.6)
