"""What a network is called in tables and metrics, and how far the intervals of tables reach."""

from dataclasses import replace

import pandas as pd

from cnn_study.analysis.compared import AccuracyDifference, Change
from cnn_study.analysis.statistics import clipped
from cnn_study.base.yaml import read_yaml
from cnn_study.params.study import validate
from cnn_study.report.kit.members import with_names
from cnn_study.report.topics.studies.budgets import by_budget
from cnn_study.report.topics.studies.differences import differences
from tests.conftest import REPOSITORY
from tests.report_cases import COMPARISON, compared

PARAMS = validate(read_yaml(REPOSITORY / "params.yaml"))


def test_a_table_gets_the_names_and_numbers_of_its_networks_beside_their_keys() -> None:
    table = pd.DataFrame({"seed": [0, 1], "architecture": ["depth_4", "kernel_3x3"], "loss": [0.5, 0.4]})
    named = with_names(table, PARAMS)
    assert list(named) == ["seed", "architecture", "number", "name", "loss"]
    assert named["name"].tolist() == ["4 layers", "3×3"]
    assert named["number"].tolist() == [list(PARAMS.architectures).index("depth_4") + 1, 1]
    assert named["loss"].tolist() == [0.5, 0.4]


def test_a_name_that_a_table_has_stays_and_what_is_about_pairs_is_left_alone() -> None:
    in_a_study = pd.DataFrame({"architecture": ["kernel_3x3"], "number": [1], "name": ["2 layers"]})
    pd.testing.assert_frame_equal(with_names(in_a_study, PARAMS), in_a_study)
    of_pairs = pd.DataFrame({"of": ["depth_4"], "against": ["kernel_3x3"]})
    pd.testing.assert_frame_equal(with_names(of_pairs, PARAMS), of_pairs)
    nothing = with_names(pd.DataFrame(columns=["architecture", "dead"]), PARAMS)
    assert list(nothing) == ["architecture", "number", "name", "dead"]


def test_the_headline_is_about_the_first_two_studies_that_mirror_none() -> None:
    kernels, depths = (PARAMS.studies[key].members for key in ("kernel_size", "depth"))
    assert PARAMS.headlined == [*kernels, *(name for name in depths if name not in kernels)]
    assert not any(name.endswith("_adamw") for name in PARAMS.headlined)


def test_an_interval_is_cut_at_its_bounds_and_nowhere_else() -> None:
    assert clipped(None, 0, 1) is None
    assert clipped((0.2, 0.3), 0, 1) == (0.2, 0.3)
    assert clipped((-0.2, 1.3), 0, 1) == (0, 1)
    assert clipped((-0.2, 1.3), 0) == (0, 1.3)


def test_no_difference_reaches_beyond_100_points_and_no_change_beyond_200() -> None:
    wild = compared(
        "wide",
        "thin",
        60.0,
        interval=(-150.0, 270.0),
        smaller=(AccuracyDifference(1, (2, 2), -50.0, (-120.0, 20.0), 0.5),),
        changes=(Change(1, 110.0, (-30.0, 250.0), stable=False, reversed=False),),
    )
    study = {"width": replace(COMPARISON, against_baseline=[wild], controls=[])}
    assert differences(study)[["low", "high"]].to_numpy().tolist() == [[-100.0, 100.0]]
    smaller, largest = by_budget(study)[["low", "high"]].to_numpy().tolist()
    assert (smaller, largest) == ([-100.0, 20.0], [-100.0, 100.0])
    assert by_budget(study)[["change_low", "change_high"]].to_numpy()[0].tolist() == [-30.0, 200.0]
