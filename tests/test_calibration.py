"""Calibration as computed by hand, and of networks that are as sure as they should be, or surer."""

import numpy as np
import numpy.typing as npt
import pytest

from cnn_study.analysis.calibration import expected_calibration_error, reliability
from cnn_study.analysis.results import Logits


def logits_of(probabilities: npt.ArrayLike) -> Logits:
    return np.log(np.asarray(probabilities, dtype=np.float32))


def test_a_small_example_as_by_hand() -> None:
    # Confidence 0.6 (right), 0.7 (wrong), 0.9 (right), 0.9 (wrong), in halves and quarters of 0-1.
    logits = logits_of([[0.6, 0.4], [0.3, 0.7], [0.9, 0.1], [0.1, 0.9]])
    labels = np.array([0, 0, 0, 0])
    table = reliability(logits, labels, bins=4)
    assert table["center"].tolist() == [0.125, 0.375, 0.625, 0.875]
    assert table["count"].tolist() == [0, 0, 2, 2]
    assert table["confidence"].tolist() == pytest.approx([np.nan, np.nan, 0.65, 0.9], nan_ok=True)
    assert table["accuracy"].tolist() == pytest.approx([np.nan, np.nan, 0.5, 0.5], nan_ok=True)
    assert expected_calibration_error(logits, labels, bins=4) == pytest.approx((2 * 0.15 + 2 * 0.4) / 4)
    assert expected_calibration_error(logits, labels, bins=2) == pytest.approx(0.775 - 0.5)


def test_an_interval_includes_its_upper_end() -> None:
    sure_and_even = np.array([[1000.0, 0.0], [0.0, 0.0]], dtype=np.float32)
    assert reliability(sure_and_even, np.array([0, 0]), bins=2)["count"].tolist() == [1, 1]


def test_a_network_that_is_right_as_often_as_it_is_sure_has_no_error() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.full(10, 0.3), size=50_000)
    labels = (probabilities.cumsum(1) > generator.random((50_000, 1))).argmax(1)
    logits = logits_of(probabilities.clip(1e-30))
    assert expected_calibration_error(logits, labels) < 0.01
    assert expected_calibration_error(2 * logits, labels) > 0.05


def test_a_network_that_is_too_sure_errs_by_as_much() -> None:
    logits = logits_of(np.tile([0.9, 0.05, 0.05], (1000, 1)))
    labels = (np.arange(1000) >= 600).astype(np.int64)
    assert expected_calibration_error(logits, labels) == pytest.approx(0.9 - 0.6)


def test_seeds_are_pooled() -> None:
    # Both are 0.72 sure; the first is always right, the second for 6 images of 10.
    labels = np.arange(10) % 2
    right = logits_of([[0.72, 0.28], [0.28, 0.72]] * 5)
    seeds = [right, np.concatenate([right[:6], right[6:, ::-1]])]
    table = reliability(seeds, labels, bins=5)
    assert table["count"].tolist() == [0, 0, 0, 20, 0]
    assert table["accuracy"].iloc[3] == pytest.approx(0.8)
    assert expected_calibration_error(seeds, labels, bins=5) == pytest.approx(0.08)
    assert expected_calibration_error(seeds[:1], labels, bins=5) == pytest.approx(0.28)
