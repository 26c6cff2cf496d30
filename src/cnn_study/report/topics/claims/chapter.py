"""The chapter on the original report's claims, one by one."""

from collections.abc import Mapping, Sequence

from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.tables import gradient_norms_by_seed, replay_table
from cnn_study.analysis.what_differs import Difference, rate_differences, recipe_differences
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.findings import CONCLUSIONS, TIMING_CONCLUSIONS, Finding, source
from cnn_study.report.kit.page import Detail, Section, Table
from cnn_study.report.kit.wording import counted, listed
from cnn_study.report.topics.claims.checks import Claim, check_claims
from cnn_study.report.topics.claims.networks import CLAIMED_PAIRS, DEPTHS, KERNELS, ORIGINAL_DATASET, TIMED_PAIRS
from cnn_study.report.topics.claims.statements import Verdict

BOTH = f"{CONCLUSIONS}, {TIMING_CONCLUSIONS}"  # of claims, those that a clock has measured in the second
SAID: Mapping[Verdict, tuple[str, str]] = {  # of one claim, of several
    "holds": ("holds", "hold"),
    "does not hold": ("does not hold", "do not hold"),
    "not decided": ("is not decided", "are not decided"),
    "not measured": ("is not measured", "are not measured"),
    "not comparable": (
        "is not comparable, being about another recipe",
        "are not comparable, being about another recipe",
    ),
}


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
    counted_up = verdicts_in_words(claims, evidence.params.data.dataset)
    verdicts = Table(
        "What the original report says",
        ("claim", "verdict"),
        tuple((claim.claim, claim.verdict) for claim in claims),
        source(BOTH),
        "By this study's runs; whether kernels stay at chance, by short runs with the original report's recipe. "
        "Each claim is about the original report's own kernels or depths."
        if evidence.params.data.dataset == ORIGINAL_DATASET
        else "",
    )
    reasons = Table(
        "What each verdict rests on",
        ("claim", "verdict", "because"),
        tuple((claim.claim, claim.verdict, claim.because) for claim in claims),
        source(BOTH),
        "The original report trained each network once, for 15 epochs, and looked at the test images while it did."
        + _where(evidence),
    )
    return Chapter(
        sections=(
            Section(
                "claims",
                "The original report's claims",
                "This study repeats a student's report, the original report: which of its conclusions hold here?",
                (counted_up.sentence,),
                None,
                verdicts,
                (Detail("The numbers behind each verdict", tables=(reasons,)),),
            ),
        ),
        findings=(counted_up,),
        conclusions={
            "claimed_pairs": [pair.record() for pair in pairs],
            "claims": [claim.record() for claim in claims if not claim.timed],
        },
        timed_conclusions={
            "step_ratios": evidence.costs.ratios(TIMED_PAIRS),
            "claims": [claim.record() for claim in claims if claim.timed],
        },
    )


def verdicts_in_words(claims: Sequence[Claim], dataset: str) -> Finding:
    """How many claims have which verdict; what a clock measured is among them."""
    counts = {verdict: sum(claim.verdict == verdict for claim in claims) for verdict in SAID}
    (first, of_first), *others = [(count, SAID[verdict]) for verdict, count in counts.items() if count]
    parts = [f"{first} of {counted(len(claims), 'claim')} {of_first[first != 1]}"]
    parts += [f"{count} {words[count != 1]}" for count, words in others]
    text = listed(parts) + ("" if dataset == ORIGINAL_DATASET else ", being about other images")
    numbers = counts | {"claims": len(claims)}
    return Finding(f"{text}.", "claims", "claims", numbers, BOTH, timed=True)


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
    if not machine:
        return ""
    later = (
        ", those of networks added later with one of the first" if evidence.costs.added(*KERNELS, *DEPTHS) else ""
    )
    return f" Times are those of training steps of this study, measured in turns{later} ({machine})."
