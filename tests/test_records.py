"""Results are read back as they were written, and whatever else a file holds ends in one line about it."""

import gc
import importlib
import json
import pkgutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnn_study
from cnn_study.analysis.results import FieldSides, Summaries, Timings
from cnn_study.analysis.statistics import Estimate
from cnn_study.base.errors import StudyError
from cnn_study.base.files import load_arrays, save_arrays
from cnn_study.base.records import Record
from cnn_study.data.splits import Names
from cnn_study.evaluation.activations import Maps
from cnn_study.evaluation.effective_field import Field
from cnn_study.evaluation.evaluate import run_to_look_into
from cnn_study.evaluation.results import Activations, Evaluation, LookedInto, Predictions
from cnn_study.networks.architecture import spec_of
from cnn_study.profiling.records import LayerCost, LayerProfile, Profile, Speed
from cnn_study.training.records import (
    Epoch,
    EpochClock,
    LayerNorms,
    Replayed,
    Run,
    RunClock,
    ShortRun,
    Status,
    Trained,
    TrainedRun,
    read_table,
    write_gradients,
    write_history,
)
from tests.conftest import SMALL
from tests.report_cases import ENVIRONMENT, clocks_of, entry, result, right_ones, search, short_run, took
from tests.weights_cases import about_of

# Two runs, one of which diverged, in an environment that computes a layer in another way.
ELSEWHERE = replace(ENVIRONMENT, fallbacks={"conv2": "unfolded"})
RUNS = (
    TrainedRun(seed=3, status="trained", epochs=2, validation_accuracy=1 / 3),
    TrainedRun(seed=5, status="diverged", epochs=1, validation_accuracy=None),
)
RUN = Run(
    status="diverged",
    epochs=(
        Epoch(epoch=1, loss=2.3, train_accuracy=0.1, validation_accuracy=0.2),
        Epoch(epoch=2),
    ),
    gradients=(LayerNorms(epoch=1, layer="conv1", gradient_norm=1e-9, weight_norm=3e7),),
    clock=(EpochClock(train_seconds=0.1, evaluation_seconds=0.2, images=300),) * 2,
)
PROFILE = Profile(
    parameters=4,
    conv_parameters=3,
    forward_flops=2,
    activation_bytes=1,
    receptive_field=5,
    layers=(LayerProfile(name="conv1", channels=4, size=32, receptive_field=5, jump=1),),
    weighted_layers=(
        LayerCost(layer="conv1", kind="conv", output_shape=(4, 32, 32), parameters=3, forward_flops=2),
    ),
)
RECORDS: tuple[Record, ...] = (
    RUN,
    *RUN.epochs,
    RUN.gradients[0],
    RUN.clock[0],
    clocks_of(RUNS, (1.5, 0.5)),
    RunClock.of(0.1, 3, RUN),
    short_run(0.1, 1000, None),
    search({0.1: 0.3, 0.2: None}),
    Replayed(images=100, runs=(ShortRun.of(0.01, 0, RUN),), environment=ELSEWHERE),
    *RUNS,
    Trained(learning_rate=0.1, runs=RUNS, environment=ELSEWHERE),
    PROFILE,
    *PROFILE.layers,
    *PROFILE.weighted_layers,
    Names(dataset="cifar10", classes=("airplane", "cat")),
    about_of(spec_of(SMALL)),
    about_of(spec_of(SMALL), version=None),
    Speed(inference_images_per_second=None, inference_batch=None, environment=ENVIRONMENT),
    LookedInto(seed=3, status="collapsed"),
    Estimate.of([0.1, None, 0.3]),
    Estimate.of([None]),
    FieldSides(theoretical=10, effective=None),
    entry(0.5, "trained", "diverged", half=None),
    took(10.0, 1.0),
    Summaries(dataset="cifar10", test_images=100, architectures={"thin": entry(0.5), "wide": entry(0.6)}),
    Timings(architectures={"thin": took(10.0, None)}),
)


def kinds(of: type[Record] = Record) -> Iterator[type[Record]]:
    """Every kind of record of the project but those within a module."""
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_is_read_as_it_was_written(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "of" / "record.json"
    record.write(path)
    found = type(record).read(path)
    assert found == record
    assert repr(found) == repr(record)  # which tells 1 from 1.0
    written = path.read_bytes()
    found.write(path)
    assert path.read_bytes() == written


def test_every_kind_of_record_is_among_those_tested() -> None:
    for module in pkgutil.walk_packages(cnn_study.__path__, "cnn_study."):
        importlib.import_module(module.name)
    public = {kind for kind in kinds() if kind.__module__.startswith("cnn_study.") and kind.__name__[0] != "_"}
    assert public == {type(record) for record in RECORDS}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_key_that_a_record_does_not_have_is_refused_and_so_is_a_record_that_lacks_one(
    record: Record, tmp_path: Path
) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record.model_dump(mode="json") | {"unheard_of": 1}))
    assert line_about(path, type(record).read).startswith("unheard_of: ")
    for name, field in type(record).model_fields.items():
        if field.is_required():
            content = record.model_dump(mode="json")
            del content[name]
            path.write_text(json.dumps(content))
            assert line_about(path, type(record).read).startswith(f"{name}: ")


def line_about(path: Path, read: Callable[[Path], object], file: Path | None = None) -> str:
    """What the one line says of ``file``, ``path`` itself unless given, behind its name."""
    with pytest.raises(StudyError) as raised:
        read(path)
    line = str(raised.value)
    assert "\n" not in line
    assert "`dvc repro` makes it" in line
    start = f"{file or path}: "
    assert line.startswith(start)
    return line.removeprefix(start)


WRITTEN = json.dumps(Trained(learning_rate=0.1, runs=RUNS, environment=ELSEWHERE).model_dump(mode="json"))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        (WRITTEN, "", "content"),
        (WRITTEN, WRITTEN[:-1], "content"),
        (WRITTEN, "[]", "content"),
        (WRITTEN, "null", "content"),
        ('"seed": 5', '"seed": 5, "name": "five"', "runs.1.name"),
        ('"threads": 2', '"threads": 2, "cores": 2', "environment.cores"),
        ('"seed": 5', '"seed": "five"', "runs.1.seed"),
        ('"seed": 5', '"seed": 5.5', "runs.1.seed"),
        ('"learning_rate": 0.1', '"learning_rate": null', "learning_rate"),
        ('"learning_rate": 0.1', '"learning_rate": NaN', "learning_rate"),
        ('"learning_rate": 0.1', '"learning_rate": Infinity', "learning_rate"),
        ('"diverged"', '"lost"', "runs.1.status"),
        ('"unfolded"', '"somehow"', "environment.fallbacks.conv2"),
    ],
)
def test_a_file_that_holds_something_else_ends_in_a_line_with_its_name_and_the_key(
    old: str, new: str, key: str, tmp_path: Path
) -> None:
    path = tmp_path / "run.json"
    path.write_text(WRITTEN)
    assert Trained.read(path).runs == RUNS
    assert WRITTEN.count(old) == 1
    path.write_text(WRITTEN.replace(old, new))
    assert line_about(path, Trained.read).startswith(f"{key}: ")


def test_a_file_that_is_no_text_or_is_not_there_ends_in_a_line_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    assert line_about(path, Trained.read).startswith("not found")
    path.write_bytes(b"\xff\xfe\x00")
    assert line_about(path, Trained.read).startswith("content: ")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_becomes_no_record(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Epoch(epoch=1, loss=value)
    with pytest.raises(ValueError, match="finite"):
        Estimate(mean=value, ci95=None, per_seed=())


def test_tables_have_a_row_for_each_seed_and_epoch(tmp_path: Path) -> None:
    history, gradients = tmp_path / "history.csv", tmp_path / "gradients.csv"
    write_history(history, "thin", {3: RUN.epochs, 5: RUN.epochs[1:]})
    table = read_table(history)
    assert list(table) == ["architecture", "seed", "epoch", "loss", "train_accuracy", "validation_accuracy"]
    assert table[["seed", "epoch"]].to_numpy().tolist() == [[3, 1], [3, 2], [5, 2]]
    assert set(table["architecture"]) == {"thin"}
    assert table["loss"].isna().tolist() == [False, True, True]
    write_gradients(gradients, "thin", {3: RUN.gradients, 5: ()})
    (row,) = read_table(gradients).to_dict("records")
    assert row == {"architecture": "thin", "seed": 3} | RUN.gradients[0].model_dump()
    write_gradients(gradients, "thin", {5: ()})
    assert list(read_table(gradients)) == [
        "architecture", "seed", "epoch", "layer", "gradient_norm", "weight_norm",
    ]  # fmt: skip
    assert line_about(tmp_path / "none.csv", read_table).startswith("not found")


def evaluation() -> Evaluation:
    """Of noise. Run 5 diverged; the second layer has no influence at all, and no network after training."""
    generator = np.random.default_rng(0)

    def influence() -> Any:
        amounts = generator.random((32, 32)) ** 8
        return amounts / amounts.sum()

    def predictions() -> Predictions:
        return Predictions(generator.integers(10, size=1000), generator.random(1000))

    def shown() -> Activations:
        maps: dict[str, Maps] = {
            "conv1": generator.random((4, 32, 32), np.float32) * np.float32(300),
            "residual1": generator.random((2, 8, 8), np.float32) * np.float32(0.001),
            "dead one": np.zeros((2, 4, 4), np.float32),
        }
        return Activations(generator.integers(256, size=(3, 32, 32), dtype=np.uint8), maps)

    return Evaluation(
        predictions={11: predictions(), 5: None, 3: predictions()},
        looked_into=LookedInto(seed=11, status="trained"),
        fields=(
            Field("conv1", 32, 3, 15.5, (15, 17), influence(), influence()),
            Field("residual1", 32, 36, 19.25, (0, 31), np.zeros((32, 32)), None),
        ),
        filters_of="conv1",
        filters=generator.normal(size=(4, 3, 3, 3)).astype(np.float32),
        dead={
            "conv1": generator.random(4) < 0.5,
            "residual1": generator.random(70) < 0.5,
            "dead one": np.ones(2, bool),
        },
        activations={7: shown(), 17: shown(), 0: shown()},
        environment=ELSEWHERE,
    )


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder with ``evaluation()``."""
    evaluation().write(tmp_path)
    return tmp_path


def test_an_evaluation_is_read_as_it_was_written(written: Path) -> None:
    whole, found = evaluation(), Evaluation.read(written)
    assert (found.looked_into, found.environment) == (whole.looked_into, whole.environment)
    assert list(found.predictions) == [11, 5, 3]
    assert found.predictions[5] is None
    for seed in (11, 3):
        run, of_file = whole.predictions[seed], found.predictions[seed]
        assert run is not None
        assert of_file is not None
        assert of_file.predicted.dtype == np.int64
        assert (of_file.predicted == run.predicted).all()
        assert np.abs(of_file.confidence - run.confidence).max() <= 0.501 / 65535  # rounded
    assert found.filters_of == "conv1"
    assert (found.filters == whole.filters).all()
    assert {layer: flags.tolist() for layer, flags in found.dead.items()} == {
        layer: flags.tolist() for layer, flags in whole.dead.items()
    }
    assert all(flags.dtype == bool for flags in found.dead.values())


def test_fields_keep_their_geometry_and_their_influence_to_float32(written: Path) -> None:
    for field, of_file in zip(evaluation().fields, Evaluation.read(written).fields, strict=True):
        without: dict[str, Any] = {"untrained": None, "trained": None}
        assert replace(of_file, **without) == replace(field, **without)
        for influence, found in ((field.untrained, of_file.untrained), (field.trained, of_file.trained)):
            assert (found is None) == (influence is None)
            if found is not None and influence is not None:
                assert found.dtype == np.float64
                np.testing.assert_allclose(found, influence, rtol=1e-7)
        assert of_file.effective_untrained == field.effective_untrained
        assert of_file.effective_trained == field.effective_trained


def test_maps_are_kept_to_a_255th_of_the_largest_of_their_layer(written: Path) -> None:
    whole, found = evaluation().activations, Evaluation.read(written).activations
    assert list(found) == [7, 17, 0]
    for index, shown in whole.items():
        assert (found[index].image == shown.image).all()
        assert list(found[index].maps) == list(shown.maps)
        for layer, maps in shown.maps.items():
            assert found[index].maps[layer].dtype == np.float32
            assert np.abs(found[index].maps[layer] - maps).max() <= 0.501 * maps.max() / 255  # rounded
    # What nothing lights stays dark.
    assert not found[0].maps["dead one"].any()


def test_an_evaluation_written_again_later_has_the_same_bytes(
    written: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = time.time() + 1e8
    monkeypatch.setattr(time, "time", lambda: later)
    again = tmp_path_factory.mktemp("again")
    evaluation().write(again)
    names = ["evaluation.json", "influence.npz", "pictures.npz", "predictions.npz"]
    assert sorted(path.name for path in written.iterdir()) == names
    for name in names:
        assert (again / name).read_bytes() == (written / name).read_bytes()


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("name", ["evaluation.json", "influence.npz", "pictures.npz", "predictions.npz"])
def test_an_evaluation_of_which_a_file_is_missing_or_damaged_ends_in_a_line_with_its_name(
    name: str, written: Path
) -> None:
    path = written / name
    whole = path.read_bytes()
    place = len(whole) * 3 // 4  # in the middle of an array's noise
    altered = whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]
    for content in (b"", b"no archive", whole[:-200], whole[:100], altered):
        path.write_bytes(content)
        line_about(written, Evaluation.read, path)
    gc.collect()  # numpy leaves an archive that it cannot open to this
    path.unlink()
    assert line_about(written, Evaluation.read, path).startswith("not found")


@pytest.mark.parametrize(
    ("name", "array"),
    [("predictions", "confidence 3"), ("pictures", "filters"), ("pictures", "image 17")],
)
def test_an_evaluation_without_one_of_its_arrays_ends_in_a_line_with_its_folder(
    name: str, array: str, written: Path
) -> None:
    arrays = load_arrays(written / f"{name}.npz")
    del arrays[array]
    save_arrays(written / f"{name}.npz", arrays)
    assert line_about(written, Evaluation.read).startswith(f"found no array '{array}'")


@pytest.mark.parametrize(
    ("statuses", "seed"),
    [
        (("trained", "trained"), 10),
        (("diverged", "collapsed", "trained", "trained"), 12),
        (("diverged", "collapsed", "collapsed"), 11),
        (("collapsed", "diverged"), 10),
        (("diverged", "diverged"), 10),
    ],
)
def test_the_first_run_that_trained_is_looked_into_else_the_first_that_collapsed_else_the_first(
    statuses: tuple[Status, ...], seed: int
) -> None:
    runs = result("any", right_ones([5] * len(statuses), 10), statuses, range(10, 10 + len(statuses))).trained.runs
    chosen = run_to_look_into(runs)
    assert chosen == LookedInto(seed=seed, status=statuses[seed - 10])
