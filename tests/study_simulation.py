"""Studies drawn from real runs: which CIFAR-10 test images trained networks have right, in tests/data/runs.npz.

Images are drawn anew for each study, with replacement, and runs from how often each network has an image right.
The real runs are few, so that a network's share of them overstates how far it differs from others on an image:
the shares are drawn towards the mean of all networks, by as much as makes networks differ as the unbiased
estimate says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import optimize
from scipy.special import expit, logit

from cnn_study.analysis.variance import Contrast, Floats, Outcomes, Variance, variances
from cnn_study.analysis.verdicts import Judged, judge

RUNS = Path(__file__).parent / "data" / "runs.npz"


def real_runs() -> dict[str, Outcomes]:
    """By network: three runs to two epochs, on all 10,000 test images.

    Seeds 0 to 2 with the recipe of params.yaml at a rate of 0.1, in bf16 on an AMD EPYC.
    """
    with np.load(RUNS) as stored:
        right = np.unpackbits(stored["right"], axis=-1, count=int(stored["images"])).astype(float)
        return dict(zip(map(str, stored["names"]), map(Outcomes, right), strict=True))


class Population:
    """Networks of which runs are drawn, on images of which any number is drawn.

    ``points``: by how much the true accuracy of each differs from the mean of the real ones. ``extra``: of each
    network, how many times the variance between its runs is that of independent errors; 1: no more than these.
    """

    def __init__(self, points: Sequence[float], extra: Sequence[float]) -> None:
        real = list(real_runs().values())
        towards = np.mean([_shrinkage(of, against) for of in real for against in real if of is not against])
        shares = np.array([one.by_image for one in real])
        everyone = shares.mean(axis=0)
        generator = np.random.default_rng(0)
        while len(shares) < len(points):  # more networks like these: each from three new runs of one of them
            of = everyone + towards * (shares[len(shares) % len(real)] - everyone)
            shares = np.vstack([shares, (generator.random((3, len(of))) < of).mean(axis=0)])
        chances = (everyone + towards * (shares[: len(points)] - everyone)).clip(0.005, 0.995)
        accuracy = everyone.mean() + np.array(points) / 100
        self.logits = np.array([_with_mean(logit(row), mean) for row, mean in zip(chances, accuracy, strict=True)])
        self.points = np.array(points)
        # A shift of all logits moves an accuracy by the mean of p (1 - p), whose square over N is the image part.
        p = expit(self.logits)
        self.slope = (p * (1 - p)).mean(axis=1)
        self.extra = np.array(extra, dtype=float)

    def study(self, generator: np.random.Generator, runs: Sequence[int], images: int) -> dict[int, Outcomes]:
        """``runs`` of each network on the same ``images``."""
        drawn = generator.integers(self.logits.shape[1], size=images)
        found = {}
        for network, count in enumerate(runs):
            deviation = np.sqrt((self.extra[network] - 1) / self.slope[network] / images)
            shifts = deviation * generator.normal(size=(count, 1))
            chances = expit(self.logits[network, drawn] + shifts)
            found[network] = Outcomes((generator.random((count, images)) < chances).astype(float))
        return found


@dataclass(frozen=True)
class Analysis:
    """What the project makes of a study: each pair's contrast and verdict, by the pair."""

    contrasts: dict[tuple[int, int], Contrast]
    verdicts: dict[tuple[int, int], Judged]
    variances: dict[int, Variance]

    @classmethod
    def of(
        cls, outcomes: dict[int, Outcomes], pairs: Sequence[tuple[int, int]], margin: float = 0.01
    ) -> "Analysis":
        named = {str(network): one for network, one in outcomes.items()}
        found = variances(named, dict.fromkeys(named, "any"))
        contrasts = {
            (of, against): Contrast.of(outcomes[of], outcomes[against], found[str(of)], found[str(against)])
            for of, against in pairs
        }
        verdicts = dict(zip(contrasts, judge(list(contrasts.values()), margin), strict=True))
        return cls(contrasts, verdicts, {int(name): variance for name, variance in found.items()})


def _shrinkage(of: Outcomes, against: Outcomes) -> float:
    """How much smaller two networks' differences by image are than those of the shares of three runs."""
    seen = float((of.by_image - against.by_image).var(ddof=1))
    own = seen - of.images * (of.image_part / of.runs + against.image_part / against.runs)
    return float(np.sqrt(max(own, 0) / seen))


def _with_mean(logits: Floats, mean: float) -> Floats:
    """Shifted so that the mean probability is this."""
    shift = optimize.brentq(lambda by: float(expit(logits + by).mean()) - mean, -5, 5)
    return np.asarray(logits + shift)
