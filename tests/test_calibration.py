"""Calibration as computed by hand, and of networks that are as sure as they should be, or surer."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from cnn_study.analysis.calibration import Gap, expected_calibration_error, reliability
from cnn_study.evaluation.temperature import HIGHEST, LOWEST, confidence_of, fitted_temperature


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


def made_up(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Logits (N, 10) whose softmax is how often each class is right, and labels (N,) drawn with it."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(count, 10, generator=generator)
    return logits, torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]


@pytest.mark.parametrize("temperature", [0.3, 0.7, 1.9, 6.0])
def test_a_planted_temperature_is_found_and_mends_other_images(temperature: float) -> None:
    logits, labels = made_up(20_000, 0)
    found = fitted_temperature(temperature * logits, labels)
    assert found == pytest.approx(temperature, rel=0.03)
    logits, labels = made_up(20_000, 1)
    predicted = logits.argmax(1)
    correct = (predicted == labels).numpy()

    def confidence(by: float) -> npt.NDArray[np.float64]:
        return confidence_of(temperature * logits, predicted, by).numpy()

    # Logits that are multiplied by more than 1 make a network surer than it is right.
    assert Gap.of(confidence(1.0)[None], correct[None]).sign == np.sign(np.log(temperature))
    assert Gap.of(confidence(found)[None], correct[None]).mean == pytest.approx(0, abs=0.01)
    assert expected_calibration_error(confidence(1.0), correct) > 0.05
    assert expected_calibration_error(confidence(found), correct) < 0.015


def test_a_temperature_of_what_is_always_right_or_never_stays_in_its_bounds() -> None:
    logits, _ = made_up(100, 0)
    assert LOWEST <= fitted_temperature(logits, logits.argmax(1)) < 1.1 * LOWEST
    assert HIGHEST / 1.1 < fitted_temperature(logits, logits.argmin(1)) <= HIGHEST


def test_a_confidence_is_that_of_the_predicted_class_after_the_temperature() -> None:
    logits = torch.tensor([[1.0, 3.0], [2.0, 0.0]])
    expected = 1 / (1 + np.exp(-2 / 4))
    assert confidence_of(logits, torch.tensor([1, 0]), 4.0).tolist() == pytest.approx([expected, expected])


def test_a_gap_counts_an_image_once_however_many_runs_share_it() -> None:
    generator = np.random.default_rng(0)
    confidence, correct = generator.uniform(0.5, 1, (1, 4000)), generator.random((1, 4000)) < 0.6
    one, thrice = Gap.of(confidence, correct), Gap.of(np.repeat(confidence, 3, 0), np.repeat(correct, 3, 0))
    assert one.mean == pytest.approx((confidence - correct).mean())
    half = 1.959964 * (confidence - correct).std() / np.sqrt(4000)
    assert one.ci95 == pytest.approx((one.mean - half, one.mean + half), rel=1e-3)
    assert thrice.ci95 == pytest.approx(one.ci95)
    # Runs that err on other images are more to go by.
    others = np.array([np.roll(correct[0], 1000 * place) for place in range(3)])
    apart = Gap.of(np.repeat(confidence, 3, 0), others).ci95
    assert apart[1] - apart[0] < 0.7 * (one.ci95[1] - one.ci95[0])


def test_the_interval_of_a_calibrated_network_leaves_out_zero_once_in_twenty() -> None:
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.3, 1, (2000, 1, 500))
    correct = generator.random((2000, 1, 500)) < confidence
    signs = [Gap.of(*one).sign for one in zip(confidence, correct, strict=True)]
    assert 0.035 < np.mean(np.abs(signs)) < 0.065
