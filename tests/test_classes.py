"""Whose confidence is nearest to its accuracy, and which classes are taken for which."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cnn_study.analysis.calibration import Gap
from cnn_study.report.topics.classes.calibration import (
    Calibration,
    calibration,
    calibration_table,
    calibrations,
    error_table,
)
from cnn_study.report.topics.classes.confusion import confusion
from cnn_study.report.topics.classes.pairs import Confused, are_tied, confused_finding, most_accurate, title_of
from cnn_study.report.topics.classes.sentences import calibration_answer, calibration_findings
from tests.report_cases import (
    CLASSES,
    STUDIES,
    SUMMARY,
    assert_numbers_are_their_own,
    entry,
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
    assert calibrations(both, labels)["thin"].error == pytest.approx(0.08)


def test_what_has_not_trained_in_every_run_is_not_judged_by_how_sure_it_is() -> None:
    right = right_ones([8, 8], 10)
    failed = {status: result(status, right, ("trained", status)) for status in ("collapsed", "diverged")}
    trained = {"thin": result("thin", right)}
    labels = labels_of(10)
    assert set(calibrations(failed | trained, labels)) == {"thin"}
    assert set(calibration(failed | trained, labels)["architecture"]) == {"thin"}
    assert (calibrations(failed, labels), len(calibration(failed, labels))) == ({}, 0)


def test_images_are_counted_by_what_they_show_and_what_a_run_takes_them_for() -> None:
    # One run has all 20 images right, one has those after the 15th a class too high, one has no network.
    runs = result("thin", right_ones([20, 15, 20], 20), ("trained", "trained", "diverged"))
    table = confusion({"thin": runs}, labels_of(20), CLASSES)
    counts = table.pivot_table("count", "actual", "predicted").loc[list(CLASSES), list(CLASSES)].to_numpy()
    expected = np.diag([4] * 5 + [3] * 5)
    expected[range(5, 10), [6, 7, 8, 9, 0]] = 1
    assert (counts == expected).all()


def calibrated(error: float, gap: float, after: float, left: float = 0.001) -> Calibration:
    """With these errors before and ``after`` a temperature, and gaps of ``gap`` and ``left``, ± 0.004."""
    half = 0.004
    return Calibration(
        error=error,
        gap=Gap(gap, (gap - half, gap + half)),
        temperatures=(0.71, 0.789),
        error_after=after,
        gap_after=Gap(left, (left - half, left + half)),
    )


UNDER, NEITHER = calibrated(0.031, -0.03, 0.012), calibrated(0.012, -0.003, 0.013)
OVER = calibrated(0.05, 0.05, 0.02)


def test_calibration_names_the_best_and_the_worst() -> None:
    finding, *_ = calibration_findings({"thin": UNDER, "wide": NEITHER, "odd": UNDER}, STUDIES, 0.0)
    assert finding.text.startswith("Of 3 networks, “wide, twice” (1.2 %) has the smallest")
    assert "odd one (3.1 %) the largest" in finding.text
    assert calibration_findings({"odd": UNDER}, STUDIES, 0.0)[0].rule == "calibration_of_one"
    assert calibration_findings({}, STUDIES, 0.0) == []


@pytest.mark.parametrize(
    ("found", "rule", "text"),
    [
        (
            {"thin": UNDER, "wide": NEITHER, "odd": calibrated(0.1, -0.062, 0.01)},
            "under_confident",
            "Of 3 networks, 2 are under-confident, 0 over-confident, and 1 has no significant gap; confidence "
            "minus accuracy ranges from −6.2 points in odd one (95 % CI −6.6 to −5.8) to −0.3 points in “wide, "
            "twice” (95 % CI −0.7 to +0.1), over test images. The label smoothing in "
            "training, 0.1, lowers confidence.",
        ),
        (
            {"thin": OVER},
            "over_confident",
            "The network is over-confident; confidence "
            "minus accuracy is +5.0 points in narrow one (95 % CI +4.6 to +5.4), over test images.",
        ),
        (
            {"thin": OVER, "wide": UNDER},
            "gap_of_no_sign",
            "1 is under-confident, 1 over-confident, and 0 have no ",
        ),
    ],
)
def test_on_which_side_confidence_errs(found: dict[str, Calibration], rule: str, text: str) -> None:
    finding = calibration_findings(found, STUDIES, 0.1)[1]
    assert finding.rule == rule
    assert text in finding.text
    assert "smoothing" not in calibration_findings(found, STUDIES, 0.0)[1].text


@pytest.mark.parametrize(("gap", "sign"), [(-0.00401, -1), (-0.00399, 0), (0.00399, 0), (0.00401, 1)])
def test_a_gap_has_a_sign_where_its_interval_leaves_out_zero(gap: float, sign: int) -> None:
    assert calibrated(0.1, gap, 0.1).gap.sign == sign


def test_what_a_temperature_mends_and_that_it_may_mend_nothing() -> None:
    *_, finding = calibration_findings({"thin": UNDER, "wide": NEITHER}, STUDIES, 0.1)
    assert finding.rule == "temperature_mends"
    assert finding.text == (
        "After one temperature for each run, fitted on the validation images (0.71 to 0.79), the largest expected "
        "calibration error falls from 3.1 % (narrow one) to 1.3 % (“wide, twice”). With these "
        "temperatures, of 2 networks, 0 are under-confident, 0 over-confident, and 2 have no significant gap."
    )
    *_, finding = calibration_findings({"wide": NEITHER}, STUDIES, 0.1)
    assert finding.rule == "temperature_does_not_mend"
    assert "does not fall: 1.2 % (“wide, twice”) before, 1.3 % (“wide, twice”) after" in finding.text
    left = calibrated(0.1, -0.1, 0.05, left=-0.05)
    assert "the network is under-confident" in calibration_findings({"thin": left}, STUDIES, 0.1)[2].text


def test_each_run_has_a_temperature_and_the_gaps_of_its_own_predictions() -> None:
    # 9 of 10 and 7 of 10 right; 0.9 sure of what is right and 0.6 of what is not, then 0.95 and 0.65.
    (one,) = calibrations({"thin": result("thin", right_ones([9, 7], 10))}, labels_of(10)).values()
    assert one.temperatures == (0.8, 0.8)
    before = [0.9 * right + 0.6 * (1 - right) - right for right in (0.9, 0.7)]
    assert one.gap.mean == pytest.approx(np.mean(before))
    assert one.gap_after.mean == pytest.approx(np.mean(before) + 0.05)
    assert one.error == pytest.approx(0.8 * 0.1 + 0.2 * 0.6)
    assert one.error_after == pytest.approx(0.8 * 0.05 + 0.2 * 0.65)
    (row,) = calibration_table({"thin": one}).to_dict("records")
    assert (row["gap_low"], row["gap_high"]) == one.gap.ci95
    assert (row["gap_after"], row["temperature"]) == (one.gap_after.mean, pytest.approx(0.8))
    (cells,) = error_table({"thin": one}, {}, STUDIES).rows
    assert cells[0] == "narrow one"
    assert cells[3] == "0.80, 0.80"


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"thin": UNDER, "wide": UNDER}, "All 2 networks are under-confident: confidence minus accuracy is −3.0"),
        ({"thin": OVER, "wide": UNDER}, "1 of 2 networks is under-confident and 1 is over-confident: "),
        ({"thin": OVER, "wide": NEITHER, "odd": OVER}, "2 of 3 networks are over-confident: "),
        ({"thin": NEITHER, "wide": NEITHER}, "None of 2 networks is significantly over- or under-confident: "),
        ({"thin": NEITHER}, "The network is not significantly over- or under-confident: confidence minus accuracy "
                            "is −0.3 points,"),
        ({"thin": OVER}, "The network is over-confident: confidence minus accuracy is +5.0 points, and one "
                         "temperature for each run lowers the largest calibration error of any network from 5.0 % "
                         "to 2.0 %."),
        ({"thin": NEITHER}, "does not lower the largest calibration error of any network (1.2 %)."),
    ],
)  # fmt: skip
def test_the_answer_says_how_many_are_too_sure_or_not_sure_enough(
    found: dict[str, Calibration], says: str
) -> None:
    finding = calibration_answer(found, 4)
    assert says in finding.text
    assert_numbers_are_their_own([finding])


def test_of_networks_that_all_failed_it_is_open_how_sure_they_are() -> None:
    assert calibration_answer({}, 4).text.endswith("is open: none of 4 networks trained.")
    assert calibration_answer({}, 1).text.endswith("is open: the network did not train.")
    assert most_accurate({"thin": entry(0.1, "collapsed"), "wide": entry(0.9, "trained", "diverged")}) is None
    assert most_accurate(SUMMARY | {"odd": entry(0.9, "collapsed")}) == "wide"


def confused(**taken: int) -> pd.DataFrame:
    """Of three classes of 10 images: how many of the first letter's are taken for the second's."""
    counts = {(one, other): taken.get(one + other, 0) for one in "abc" for other in "abc"}
    for one in "abc":
        counts[one, one] = 10 - sum(counts[one, other] for other in "abc")
    return pd.DataFrame(
        {"actual": actual, "predicted": predicted, "count": count} for (actual, predicted), count in counts.items()
    )


def test_the_pair_confused_most_is_the_one_with_the_most_mistakes_in_both_directions() -> None:
    pair = Confused.of(confused(ab=4, bc=2, cb=3))
    assert pair == Confused(("c", "b"), (0.3, 0.2), mistakes=5, pairs=1)
    finding = confused_finding("thin", pair, 3, STUDIES)
    assert finding.text == (
        "The network with the highest mean test accuracy, narrow one, confuses c and b most: it takes 30.0 % of c "
        "images for b, and 20.0 % of b images for c."
    )
    assert (
        title_of("thin", pair, STUDIES)
        == "narrow one, the network with the highest mean: c and b are confused most"
    )
    alone = confused_finding("thin", pair, 1, STUDIES)
    assert alone.text.startswith("The network that trained, narrow one, confuses c and b most:")


def test_of_networks_that_are_equally_accurate_none_is_the_most_accurate() -> None:
    equal = SUMMARY | {"odd": SUMMARY["wide"]}
    assert (are_tied("wide", equal), are_tied("wide", SUMMARY)) == (True, False)
    assert not are_tied("wide", SUMMARY | {"odd": entry(0.7233, "collapsed")})
    assert confused_finding("wide", None, 3, STUDIES, tied=True).text.startswith("A network with the highest mean")
    assert ", a network with the highest mean: " in title_of("wide", None, STUDIES, tied=True)


def test_pairs_that_are_confused_as_often_are_counted_and_no_mistake_is_none() -> None:
    tied = Confused.of(confused(ab=2, bc=2))
    alike = confused_finding("thin", tied, 1, STUDIES)
    assert alike.text.endswith(
        "narrow one, confuses 2 pairs of classes most, all equally often: 2 mistakes in each."
    )
    assert (
        title_of("thin", tied, STUDIES)
        == "narrow one, the network with the highest mean: what test images are taken for"
    )
    assert Confused.of(confused()) is None
    none = confused_finding("thin", None, 1, STUDIES)
    assert none.text == "The network that trained, narrow one, makes no mistake."
    assert "no test image is taken for" in title_of("thin", None, STUDIES)
    assert_numbers_are_their_own([alike, none])


def test_every_number_in_a_sentence_is_one_of_its_numbers() -> None:
    assert_numbers_are_their_own(calibration_findings({"thin": UNDER, "wide": NEITHER, "odd": OVER}, STUDIES, 0.1))
    assert_numbers_are_their_own(calibration_findings({"thin": UNDER}, STUDIES, 0.1))
