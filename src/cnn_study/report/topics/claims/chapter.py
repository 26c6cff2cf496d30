"""The chapter on the original report's claims, one by one."""

from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.tables import gradient_norms_by_seed, replay_table
from cnn_study.analysis.what_differs import Difference, rate_differences, recipe_differences
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.findings import CONCLUSIONS, TIMING, source
from cnn_study.report.kit.page import Section, Table
from cnn_study.report.topics.claims.checks import check_claims
from cnn_study.report.topics.claims.networks import CLAIMED_PAIRS, DEPTHS, KERNELS, TIMED_PAIRS


def chapter(evidence: Evidence) -> Chapter:
    """Each claim with its verdict.

    Of CLAIMED_PAIRS, all that the claims are about, those that no study tests are a family of their own.
    """
    pairs = evidence.compare(CLAIMED_PAIRS)
    claims = check_claims(
        evidence.params.data.dataset,
        evidence.summaries,
        evidence.costs,
        pairs,
        gradient_norms_by_seed(evidence.results),
        replay_table(evidence.replays),
        evidence.params.replay.learning_rate,
        _recipes(evidence),
    )
    table = Table(
        "What the original report says, and whether it holds here",
        ("claim", "verdict", "because"),
        tuple((claim.claim, claim.verdict, claim.because) for claim in claims),
        source(f"{CONCLUSIONS}, {TIMING}"),
        "The original report trained each network once, for 15 epochs, and looked at the test images while it did."
        + _where(evidence),
    )
    question = "Which conclusions of the original report hold?"
    return Chapter(
        sections=(Section("claims", "The original report's claims", question, (), None, table),),
        conclusions={
            "claimed_pairs": [pair.record() for pair in pairs],
            "claims": [claim.record() for claim in claims if not claim.timed],
        },
        timed_conclusions={
            "step_ratios": evidence.costs.ratios(TIMED_PAIRS),
            "claims": [claim.record() for claim in claims if claim.timed],
        },
    )


def _recipes(evidence: Evidence) -> dict[str, list[Difference]]:
    """By architecture, in what its recipe and learning rate differ from the original report's."""
    replay = evidence.params.replay
    return {
        name: [
            *recipe_differences(evidence.params.trainings[name].recipe, replay.runs.recipe),
            *rate_differences(summary.learning_rate, replay.learning_rate),
        ]
        for name, summary in evidence.summaries.items()
    }


def _where(evidence: Evidence) -> str:
    machine = evidence.costs.machine(*KERNELS, *DEPTHS)
    return f" Times are those of training steps of this study, measured in turns ({machine})." if machine else ""
