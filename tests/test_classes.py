"""Whose confidence is nearest to its accuracy."""

from cnn_study.report.topics.classes.calibration import calibration_findings
from tests.report_cases import STUDIES, assert_numbers_are_their_own


def test_calibration_names_the_best_and_the_worst() -> None:
    (finding,) = calibration_findings({"thin": 0.031, "wide": 0.012, "odd": 0.024}, STUDIES)
    assert finding.text.startswith("Of 3 networks, “wide, twice” (1.2 %) has the smallest")
    assert "narrow one (3.1 %) the largest" in finding.text
    assert calibration_findings({"odd": 0.024}, STUDIES)[0].rule == "calibration_of_one"
    assert calibration_findings({}, STUDIES) == []


def test_every_number_in_a_sentence_is_one_of_its_numbers() -> None:
    assert_numbers_are_their_own(calibration_findings({"thin": 0.031, "wide": 0.012}, STUDIES))
