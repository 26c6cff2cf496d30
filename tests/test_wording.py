"""Numbers are written in one way, with no false digits."""

import pytest

from cnn_study.analysis.costs import Ratio
from cnn_study.analysis.statistics import Estimate
from cnn_study.report.kit import wording
from tests.report_cases import STUDIES, STUDY


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.04, "0.0"), (-0.04, "0.0"), (-0.06, "−0.1"), (1.26, "+1.3"), (12.0, "+12.0")],
)
def test_points_have_one_decimal_and_a_sign(value: float, text: str) -> None:
    assert wording.points(value) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [(0.0312, "0.031×"), (0.6, "0.60×"), (1.0, "1.0×"), (9.94, "9.9×"), (12.3, "12×")]
)
def test_a_ratio_has_two_digits(ratio: float, text: str) -> None:
    assert wording.times(ratio) == text


def test_a_mean_has_its_interval_where_there_is_one() -> None:
    def mean(value: float, *ci95: float) -> Estimate:
        return Estimate.model_validate({"mean": value, "ci95": ci95 or None, "per_seed": [value]})

    assert wording.accuracy_within(mean(0.8208, 0.8186, 0.823)) == "82.1 % [81.9, 82.3]"
    assert wording.accuracy_within(mean(0.8208)) == "82.1 %"
    assert wording.points_within(0.34, (-0.04, 0.72)) == "+0.3 points, 95 % CI 0.0 to +0.7"
    assert wording.points_within(0.34, None) == "+0.3 points"


def test_an_interval_ends_where_the_quantity_does() -> None:
    def mean(value: float, *ci95: float) -> Estimate:
        return Estimate.model_validate({"mean": value, "ci95": ci95, "per_seed": [value]})

    assert wording.accuracy_within(mean(0.02, -0.1, 0.14)) == "2.0 % [0.0, 14.0]"
    assert wording.accuracy_within(mean(0.98, 0.9, 1.06)) == "98.0 % [90.0, 100.0]"
    assert wording.pixels_within(mean(0.5, -0.3, 1.3)) == "0.50 [0.00, 1.30]"
    assert wording.pixels_within(mean(0.5, -0.3, 1.3), signed=True) == "+0.50 [−0.30, +1.30]"
    assert wording.points_within(20.0, (-90.0, 130.0)) == "+20.0 points, 95 % CI −90.0 to +100.0"
    assert wording.points_within(20.0, (-90.0, 130.0), most=200) == "+20.0 points, 95 % CI −90.0 to +130.0"
    assert wording.points_cell(20.0, (-130.0, 90.0)) == "+20.0 [−100.0, +90.0]"
    assert wording.points_cell(20.0, (-130.0, 290.0), wording.MOST_CHANGE) == "+20.0 [−130.0, +200.0]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (wording.rate(0.00001), "0.00001"),
        (wording.rate(3e-7), "0.0000003"),
        (wording.rate(0.2), "0.2"),
        (wording.rate(100.0), "100"),
        (wording.times(0.00001), "0.000010×"),
        (wording.hundredths(0.00003), "0.00003"),
        (wording.milliseconds(0.0000000123), "0.0000123 ms"),
        (wording.duration(432_000), "120 h"),
        (wording.duration(9000), "2.5 h"),
        (wording.duration(90), "1.5 min"),
        (wording.duration(600), "10 min"),
        (wording.duration(0.034), "0.034 s"),
    ],
)
def test_no_number_has_an_exponent_whose_minus_would_be_a_hyphen(text: str, expected: str) -> None:
    assert text == expected


def test_a_mean_that_nobody_has_measured_is_not_written() -> None:
    with pytest.raises(ValueError, match="allowed: an estimate with a mean"):
        wording.accuracy_within(Estimate.of([None, None]))


def test_a_step_has_three_digits_and_its_ratio_two_behind_the_point() -> None:
    steps = [0.00132, 0.0132, 0.1324, 1.3244, 0.09996]
    assert [wording.milliseconds(step) for step in steps] == ["1.32 ms", "13.2 ms", "132 ms", "1324 ms", "100 ms"]
    assert wording.times_within(Ratio(ratio=1.616, ci95=(0.984, 12.345))) == "1.62× [0.98, 12.35]"
    assert wording.times_within(Ratio(ratio=0.0312, ci95=(0.03, 0.1))) == "0.031× [0.03, 0.10]"


def test_things_are_counted_and_listed_as_in_a_sentence() -> None:
    assert [wording.counted(count, "seed") for count in (0, 1, 2)] == ["0 seeds", "1 seed", "2 seeds"]
    assert wording.counted(2, "class") == "2 classes"
    assert wording.counted(12_000, "image") == "12,000 images"
    assert [wording.listed(parts) for parts in ([], ["A"], ["A", "B"], ["A", "B", "C"])] == [
        "", "A", "A and B", "A, B and C",
    ]  # fmt: skip
    assert wording.capitalized("the kernel of Adam") == "The kernel of Adam"


def test_a_network_with_several_names_is_shown_with_all_of_them() -> None:
    other = STUDY.model_copy(update={"members": {"thin": "one layer", "odd": "odd one"}})
    studies = STUDIES | {"depth": other}
    assert wording.shown("thin", studies) == "narrow one (also one layer)"
    assert wording.shown("odd", studies) == "odd one"
    assert wording.shown("wide", STUDIES) == "“wide, twice”"
    assert wording.shown("wide_matched", studies) == "wide_matched"


def test_networks_that_two_studies_call_the_same_are_shown_with_the_study() -> None:
    other = STUDY.model_copy(update={"title": "Again", "members": {"again": "narrow one", "odd": "odd one"}})
    studies = STUDIES | {"again": other}
    names = {name: wording.first_name(name, studies) for name in ("thin", "again", "odd", "wide")}
    assert names["thin"] == f"narrow one ({STUDY.title})"
    assert names["again"] == "narrow one (Again)"
    assert wording.shown("again", studies) == names["again"]
    assert len(set(names.values())) == 4


def test_within_a_study_a_network_has_the_name_of_that_study() -> None:
    assert wording.named("wide", STUDY) == "“wide, twice”"
    assert wording.named("wide_matched", STUDY) == "wide_matched"
