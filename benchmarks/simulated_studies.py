"""How often the report's verdicts and intervals are wrong: tried on studies drawn from real runs.

``python -m benchmarks.simulated_studies`` draws ``STUDIES`` of each kind, takes some minutes, and writes
simulated_studies.json. The real runs are which CIFAR-10 test images trained networks have right, in
simulated_runs.npz.

Images are drawn anew for each study, with replacement, and runs from how often each network has an image right.
The real runs are few, so that a network's share of them overstates how far it differs from others on an image:
the shares are drawn towards the mean of all networks, by as much as makes networks differ as the unbiased
estimate says.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize
from scipy.special import expit, logit

import stages  # noqa: F401  (puts src/ on the path)
from cnn_study.analysis.best import probability_of_best
from cnn_study.analysis.variance import Contrast, Floats, Outcomes, Variance, variances
from cnn_study.analysis.verdicts import Judged, judge

RESULTS = Path("benchmarks/simulated_studies.json")
RUNS = Path(__file__).parent / "simulated_runs.npz"
STUDIES = 600
IMAGES = 2000  # for error rates; for power as many as CIFAR-10 has
NETWORKS = 12
Pair = tuple[int, int]
# Each with a baseline, and controls.
PAIRS: Sequence[Pair] = (
    *((other, 0) for other in range(1, NETWORKS)),
    *((other, other - 1) for other in range(2, 11)),
)
UNEQUAL_SEEDS = [3] * 7 + [2] * 5
IN_ONE_PAIR, IN_THREE = 11, 5
EXTRA: Mapping[str, Sequence[float]] = {
    "equal": [1] * NETWORKS,
    "moderately unequal": [1, 2] * (NETWORKS // 2),
    # As 1×1+3×3 in release 0.1.0: 0.90 points where others have 0.26.
    "strongly unequal": [12 if network == IN_ONE_PAIR else 1 for network in range(NETWORKS)],
    "strongly unequal, in three pairs": [12 if network == IN_THREE else 1 for network in range(NETWORKS)],
}
# By kind, and whether seven networks have three seeds and five two.
IN_WORDS: Mapping[tuple[str, bool], str] = {
    ("equal", False): "equal, from independent errors alone",
    ("equal", True): "the same, three seeds for seven networks and two for five",
    ("moderately unequal", False): "twice that for half of the networks",
    ("strongly unequal", False): "twelve times that for one network, in one pair",
    ("strongly unequal, in three pairs", False): "the same, in three pairs",
}


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

    contrasts: dict[Pair, Contrast]
    verdicts: dict[Pair, Judged]
    variances: dict[int, Variance]

    @classmethod
    def of(cls, outcomes: dict[int, Outcomes], pairs: Sequence[Pair] = PAIRS, margin: float = 0.01) -> "Analysis":
        """By the rules of the report: ``outcomes`` by network, all trained alike."""
        named = {str(network): one for network, one in outcomes.items()}
        found = variances(named, dict.fromkeys(named, "any"))
        contrasts = {
            (of, against): Contrast.of(outcomes[of], outcomes[against], found[str(of)], found[str(against)])
            for of, against in pairs
        }
        verdicts = dict(zip(contrasts, judge(list(contrasts.values()), margin), strict=True))
        return cls(contrasts, verdicts, {int(name): variance for name, variance in found.items()})

    def differs(self, pair: Pair) -> bool:
        """Whether the pair's verdict says which network is better."""
        return self.verdicts[pair].verdict in ("better", "worse")

    def holds(self, pair: Pair) -> bool:
        """Whether the pair's 95 % CI holds the true difference, which is 0."""
        low, high = self.contrasts[pair].interval()
        return low <= 0 <= high


def _shrinkage(of: Outcomes, against: Outcomes) -> float:
    """How much smaller two networks' differences by image are than those of the shares of three runs."""
    seen = float((of.by_image - against.by_image).var(ddof=1))
    own = seen - of.images * (of.image_part / of.runs + against.image_part / against.runs)
    return float(np.sqrt(max(own, 0) / seen))


def _with_mean(logits: Floats, mean: float) -> Floats:
    """Shifted so that the mean probability is this."""
    shift = optimize.brentq(lambda by: float(expit(logits + by).mean()) - mean, -5, 5)
    return np.asarray(logits + shift)


def studies(population: Population, runs: Sequence[int], count: int, images: int) -> Iterator[Analysis]:
    """The analyses of ``count`` of them, the same in each call."""
    generator = np.random.default_rng(0)
    for _ in range(count):
        yield Analysis.of(population.study(generator, runs, images))


def error_rates(kind: str, runs: Sequence[int], count: int) -> dict[str, Any]:
    """Of studies in which all networks are equally accurate, and only vary as ``kind`` says.

    ``held_of_most_variable``: over the pairs with that network, of those kinds that have one.
    """
    extra = EXTRA[kind]
    found = list(studies(Population([0.0] * NETWORKS, extra), runs, count, IMAGES))
    pairs = [pair for pair in PAIRS if max(extra[network] for network in pair) == max(extra)]
    return {
        "kind": kind,
        "seeds": list(runs),
        "studies": count,
        "with_a_wrong_verdict": float(np.mean([any(map(one.differs, PAIRS)) for one in found])),
        "held": float(np.mean([[one.holds(pair) for pair in PAIRS] for one in found])),
        "held_of_most_variable": float(np.mean([[one.holds(pair) for pair in pairs] for one in found])),
    }


def power(count: int) -> dict[str, Any]:
    """With 10,000 images and three seeds, where every second network is one point better: the margin."""
    points = [float(network % 2) for network in range(NETWORKS)]
    found = list(studies(Population(points, EXTRA["equal"]), [3] * NETWORKS, count, images=10_000))
    differing = [pair for pair in PAIRS if points[pair[0]] != points[pair[1]]]
    equivalent = [[one.verdicts[pair].verdict == "equivalent" for pair in differing] for one in found]
    return {
        "studies": count,
        "alone": float(
            np.mean([[one.contrasts[pair].p_different() < 0.05 for pair in differing] for one in found])
        ),
        "together": float(np.mean([[one.differs(pair) for pair in differing] for one in found])),
        "detectable": float(np.mean([[one.verdicts[pair].detectable for pair in differing] for one in found])),
        "studies_that_call_one_equivalent": float(np.mean(np.any(equivalent, axis=1))),
    }


def best(count: int) -> dict[str, int]:
    """Studies with a network that is the best with a probability of 90 %, and in how many of them it is.

    The true accuracies are drawn with a standard deviation of one point.
    """
    generator = np.random.default_rng(1)
    right = []
    for _ in range(count):
        population = Population([float(point) for point in generator.normal(size=NETWORKS)], EXTRA["equal"])
        outcomes = population.study(generator, [3] * NETWORKS, IMAGES)
        found = Analysis.of(outcomes, pairs=[])
        chances = probability_of_best(list(outcomes.values()), [found.variances[network] for network in outcomes])
        if max(chances) >= 0.9:
            right.append(np.argmax(chances) == population.points.argmax())
    return {"studies": count, "with_one": len(right), "right": int(sum(right))}


def rows(results: Mapping[str, Any]) -> Iterator[str]:
    """Of the table in docs/statistics.md: a kind, over all numbers of seeds, with the ranges over them."""
    for (kind, mixed), said in IN_WORDS.items():
        found = [
            one for one in results["error_rates"] if one["kind"] == kind and (len(set(one["seeds"])) > 1) == mixed
        ]
        wrong = np.mean([one["with_a_wrong_verdict"] for one in found])
        extra = EXTRA[kind]
        one_varies = list(extra).count(max(extra)) == 1
        most = _range(found, "held_of_most_variable") if one_varies else "–"
        yield f"| {said} | {100 * wrong:.1f} % | {_range(found, 'held')} | {most} |"


def in_words(results: Mapping[str, Any]) -> str:
    """What the page says of power and of the best network."""
    power, best = results["power"], results["best"]
    alone, together = (f"{100 * power[key]:.0f} %" for key in ("alone", "together"))
    equivalent = f"{100 * power['studies_that_call_one_equivalent']:.0f} %"
    return (
        "With 10,000 images, three seeds and equal variances, a true difference of one point has a p-value below "
        f"0.05 in {alone} of comparisons, and is significant after correction for {len(PAIRS)} pairs in "
        f"{together}; the minimum detectable difference is {100 * power['detectable']:.2f} points. Where pairs "
        f"differ by exactly the margin, {equivalent} of studies call one of them equivalent. With "
        f"{IMAGES:,} images, a network with a probability of at least 90 % of being the best was the best in "
        f"{best['right']} of {best['with_one']} studies, whose true accuracies were drawn with a standard "
        "deviation of one point."
    )


def _range(found: Sequence[Mapping[str, Any]], key: str) -> str:
    ends = [f"{100 * end([one[key] for one in found]):.1f}" for end in (min, max)]
    return f"{' to '.join(dict.fromkeys(ends))} %"


def main() -> None:
    numbers_of_seeds: list[Sequence[int]] = [[seeds] * NETWORKS for seeds in (2, 3, 4, 5)]
    results = {
        "error_rates": [
            error_rates(kind, runs, STUDIES)
            for kind in EXTRA
            for runs in ([*numbers_of_seeds, UNEQUAL_SEEDS] if kind == "equal" else numbers_of_seeds)
        ],
        "power": power(STUDIES),
        "best": best(STUDIES),
    }
    print(*rows(results), "", in_words(results), sep="\n")
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
