"""The variances of a difference are those of its draws, and each part is of what it says."""

import numpy as np
import pytest

from cnn_study.analysis.variance import Spread

SEEDS, IMAGES = 3, 20


def test_the_choice_of_images_varies_as_in_a_bootstrap() -> None:
    # Half of the images are answered alike by all pairs, the others in an order of each pair's own, so that the
    # pairs' means agree and all that is left between seeds is a pair's luck with the images.
    generator = np.random.default_rng(0)
    common, own = generator.integers(-1, 2, size=(2, IMAGES // 2)).astype(float)
    differences = np.array([np.append(common, generator.permutation(own)) for _ in range(SEEDS)])
    picks = generator.integers(IMAGES, size=(40_000, IMAGES))
    covariances = np.cov(differences[:, picks].mean(axis=-1)) * IMAGES / (IMAGES - 1)
    shared = covariances[~np.eye(SEEDS, dtype=bool)].mean()
    spread = Spread.of(differences)
    # The standard errors of so many draws are 1 %; a variance over IMAGES instead of IMAGES - 1 is off by 5 %.
    assert spread.shared == pytest.approx(shared, rel=0.03)
    assert spread.between == pytest.approx(np.diag(covariances).mean() - shared, rel=0.03)


def test_what_differs_between_seeds_is_no_variance_of_the_images() -> None:
    generator = np.random.default_rng(1)
    of_seeds, of_images = generator.normal(size=(SEEDS, 1)), generator.normal(size=IMAGES)
    spread = Spread.of(of_seeds + of_images)
    assert spread.between == pytest.approx(of_seeds.var(ddof=1))
    assert spread.shared == pytest.approx(of_images.var(ddof=1) / IMAGES)
