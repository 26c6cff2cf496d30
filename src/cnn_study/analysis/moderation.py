"""Variances of a few runs each, moderated by one another (Smyth, 2004; Phipson et al., 2016).

The variance that three runs show is a rough guess of the variance that all runs would show. Where many networks
have been trained alike, theirs are guesses as well, of numbers that resemble each other: the true variances are
taken for draws from a scaled inverse chi-squared distribution, whose two parameters are estimated from all of
them. A network's variance is then a mean of its own and the common one, weighted by their degrees of freedom.

Networks that vary much more than the others must not decide what is common. So the parameters are those with
which the logarithms of the variances, winsorised, have the mean and the variance that they have, and a network
that is not like the others gets few degrees of freedom from what is common.

One thing is other than there, where variances are counted in thousands. Of a dozen, logarithms give the scale so
roughly that differences are found too often where there are none. The common variance is the mean of those seen
instead, each weighted by how probable it is that it is no outlier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

Floats = npt.NDArray[np.float64]
FEWEST = 5  # variances: of fewer nothing is said of how they are distributed
TAILS = 0.05, 0.1  # the shares of the lowest and of the highest that are winsorised
NODES = 32  # of Gauss and Legendre's quadrature
MOST_SHARE = 0.9  # of 1 / (1 + degrees of freedom of the common variance): a ninth of one, nearly none


@dataclass(frozen=True)
class Moderated:
    """A variance, and its degrees of freedom."""

    variance: float
    freedom: float


def can_be_moderated(variances: Sequence[float]) -> bool:
    """Whether there are ``FEWEST`` of them, and at most half are zeros, of which there is no logarithm."""
    return len(variances) >= FEWEST and bool(np.median(variances) > 0)


def moderated(variances: Sequence[float], freedoms: Sequence[int]) -> list[Moderated]:
    """Each variance moderated by all.

    ``freedoms``: their degrees of freedom, at least 1 each; none gets more than all have together. For variances
    that ``can_be_moderated``.
    """
    own, freedom = np.array(variances, dtype=float), np.array(freedoms, dtype=float)
    common = prior(own, freedom)
    return [
        Moderated(common.variance, common.most)
        if of_common == inf
        else Moderated(
            float((of_common * common.variance + of_own * variance) / (of_common + of_own)),
            float(min(of_common + of_own, common.most)),
        )
        for variance, of_own, of_common in zip(own, freedom, common.freedom, strict=True)
    ]


@dataclass(frozen=True)
class Prior:
    """What variances have in common: they are distributed as ``scale`` times F.

    ``freedom``: the degrees of freedom of the common variance for each network, (K,); inf where variances differ
    by no more than chance. ``variance``: the common one. ``most``: degrees of freedom that it has been estimated
    with.
    """

    scale: float
    freedom: Floats
    variance: float
    most: float


def prior(seen: Floats, freedoms: Floats) -> Prior:
    """From the variances ``seen`` (K,) and their degrees of freedom (K,): Phipson et al., 2016, section 3.

    As there, variances with fewer degrees of freedom than others are carried over to as many.
    """
    # Not 0, of which there is no logarithm: runs can happen to have the same number of images right.
    variances = seen.clip(min=1e-5 * float(np.median(seen)))
    most = float(freedoms.max())
    variances = _carried_over(variances, freedoms, most)
    logs = np.log(variances)
    winsorised = logs.clip(*np.quantile(logs, [TAILS[0], 1 - TAILS[1]]))
    spread = float(winsorised.var(ddof=1))

    def excess(share: float) -> float:
        return spread - _winsorised_moments(most, _freedom(share))[1]

    if excess(0.0) <= 0:
        share = 0.0
    elif excess(MOST_SHARE) >= 0:
        share = MOST_SHARE
    else:
        share = float(optimize.brentq(excess, 0.0, MOST_SHARE))
    common_freedom = _freedom(share)
    scale = exp(float(winsorised.mean()) - _winsorised_moments(most, common_freedom)[0])
    ratios = variances / scale
    alike = _alike(ratios, most, common_freedom)
    weights = freedoms * alike
    return Prior(
        scale=scale,
        freedom=_of_each(ratios, alike, most, common_freedom),
        variance=float(np.average(seen, weights=weights)),
        most=float(weights.sum()),
    )


def _alike(ratios: Floats, freedom: float, common_freedom: float) -> Floats:
    """How probable it is that each is no outlier: less than 1 where a ratio is higher than F's are."""
    count = len(ratios)
    seen = (count - stats.rankdata(ratios) + 0.5) / count  # the share of those that are as high or higher
    expected = np.exp(_log_upper_tail(ratios, freedom, common_freedom))
    return np.asarray((expected / seen).clip(max=1.0))


def _of_each(ratios: Floats, alike: Floats, freedom: float, common_freedom: float) -> Floats:
    """The degrees of freedom of the common variance for each: few for an outlier."""
    if bool((alike == 1).all()):
        return np.full(len(ratios), common_freedom)
    usual = min(common_freedom, len(ratios) * freedom)
    least = min(usual, _freedom_with_median(float(ratios.max()), freedom))
    found = np.where(alike == 1, common_freedom, alike * usual + (1 - alike) * least)
    # What is less like an outlier than another has at least as many.
    highest_first = ratios.argsort()[::-1]
    found[highest_first] = np.maximum.accumulate(found[highest_first])
    return found


def _freedom_with_median(ratio: float, freedom: float) -> float:
    """Of the common variance: so few that half of all ratios lie above this one."""

    def excess(share: float) -> float:
        return float(_log_upper_tail(np.array([ratio]), freedom, _freedom(share))[0]) - log(0.5)

    if excess(0.0) >= 0:
        return inf
    return _freedom(MOST_SHARE if excess(MOST_SHARE) <= 0 else float(optimize.brentq(excess, 0.0, MOST_SHARE)))


def _freedom(share: float) -> float:
    return inf if share == 0 else 1 / share - 1


def _log_upper_tail(ratios: Floats, freedom: float, common_freedom: float) -> Floats:
    if common_freedom == inf:
        found = stats.chi2.logsf(ratios * freedom, freedom)
    else:
        found = stats.f.logsf(ratios, freedom, common_freedom)
    return np.asarray(found, dtype=float)


def _quantiles(shares: Floats, freedom: float, common_freedom: float) -> Floats:
    """The values below which these shares of the F distribution lie, of its ratio of variances."""
    if common_freedom == inf:
        return np.asarray(stats.chi2.ppf(shares, freedom) / freedom, dtype=float)
    return np.asarray(stats.f.ppf(shares, freedom, common_freedom), dtype=float)


def _winsorised_moments(freedom: float, common_freedom: float) -> tuple[float, float]:
    """Mean and variance of the logarithm of F, winsorised as the variances are."""
    nodes, weights = special.roots_legendre(NODES)
    low, high = TAILS[0], 1 - TAILS[1]
    shares = np.concatenate([low + (high - low) * (nodes + 1) / 2, [low, high]])
    masses = np.concatenate([weights * (high - low) / 2, TAILS])
    logs = np.log(_quantiles(shares, freedom, common_freedom))
    mean = float(masses @ logs)
    return mean, float(masses @ (logs - mean) ** 2)


def _carried_over(variances: Floats, freedoms: Floats, most: float) -> Floats:
    """As if all had ``most`` degrees of freedom: each at the same place in its distribution.

    For want of the robust parameters, which need this first, the common variance is the median's.
    """
    fewer = freedoms < most
    medians = np.asarray(stats.chi2.median(freedoms) / freedoms, dtype=float)
    common = float(np.median(variances / medians))
    carried = variances.copy()
    for place in np.flatnonzero(fewer):
        ratio, own = variances[place] / common, float(freedoms[place])
        if ratio * own > float(stats.chi2.median(own)):  # where the upper tail is the smaller, take that
            tail = max(float(stats.chi2.sf(ratio * own, own)), 1e-300)
            ratio = float(stats.chi2.isf(tail, most)) / most
        else:
            ratio = float(stats.chi2.ppf(stats.chi2.cdf(ratio * own, own), most)) / most
        carried[place] = common * ratio
    return carried
