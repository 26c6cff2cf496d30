"""Results are read back as they were written, and whatever else a file holds ends in one line about it."""

import gc
import hashlib
import importlib
import json
import pkgutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

import cnn_study
from cnn_study.analysis.costs import NOT_MEASURED, Ratio, StepTime
from cnn_study.analysis.statistics import Estimate
from cnn_study.analysis.summaries import FieldSides, Summaries, Timings
from cnn_study.base.errors import StudyError
from cnn_study.base.files import load_arrays, save_arrays
from cnn_study.base.records import Record
from cnn_study.data.splits import Names
from cnn_study.evaluation.activations import Maps
from cnn_study.evaluation.effective_field import Field, LayerSpread, Spreads
from cnn_study.evaluation.evaluate import run_to_look_into
from cnn_study.evaluation.influence import Spread
from cnn_study.evaluation.predictions import Calibrated, Predictions
from cnn_study.evaluation.results import Activations, Evaluated, Evaluation, Inside, LookedInto
from cnn_study.networks.architecture import spec_of
from cnn_study.profiling.records import LayerCost, LayerProfile, Profile, Speed
from cnn_study.sources.folder import Pictures
from cnn_study.sources.prepared import EqualImages, Prepared
from cnn_study.training.finished import FinishedRun, Key, Store, Trained
from cnn_study.training.loop import Position
from cnn_study.training.records import (
    Clocks,
    Epoch,
    EpochClock,
    LayerNorms,
    Replayed,
    Run,
    RunClock,
    Status,
    TrunkClock,
)
from tests.conftest import SMALL
from tests.report_cases import (
    BUDGET,
    COSTS,
    ENVIRONMENT,
    TIMING,
    entry,
    finished_run,
    result,
    right_ones,
    search,
    short_run,
    timings_of,
)
from tests.weights_cases import about_of


def found_of(step: StepTime | None, ratio: Ratio | None) -> tuple[Record, ...]:
    assert step
    assert ratio
    return step, *step.runs.values(), ratio


# An environment that computes a layer in another way.
ELSEWHERE = replace(ENVIRONMENT, fallbacks={"conv2": "unfolded"})
RUN = Run(
    status="diverged",
    epochs=(
        Epoch(epoch=1, loss=2.3, train_accuracy=0.1, validation_loss=2.2, validation_accuracy=0.2),
        Epoch(epoch=2),
    ),
    gradients=(LayerNorms(epoch=1, layer="conv1", gradient_norm=1e-9, weight_norm=3e7),),
    clock=(EpochClock(train_seconds=0.1, evaluation_seconds=0.2, images=300),) * 2,
)
REPLAYED = Replayed(images=100, runs=(short_run(0.1, 3, 1 / 3), short_run(0.2, 5, None)), environment=ELSEWHERE)
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
LAYER_SPREAD = LayerSpread(layer="conv1", untrained=Spread(deviation=0.0, side=1.0), trained=None)
EQUAL_IMAGES = EqualImages(learned="train/cat/1.png", tested="test/cat/2.png", place=1)
RECORDS: tuple[Record, ...] = (
    EQUAL_IMAGES,
    Pictures(size=32, classes=("cat", "dog"), files={"train": ("cat/1.png", "dog/1.png")}),
    Prepared(
        train=(1, 1),
        validation=(0, 1),
        test=(2, 2),
        of_test=1,
        tested=1,
        of_validation=0,
        dropped=True,
        pairs=(EQUAL_IMAGES,),
    ),
    RUN,
    *RUN.epochs,
    RUN.gradients[0],
    RUN.clock[0],
    TrunkClock(seed=3, epochs=RUN.clock, seconds=0.5),
    Position(),
    Position(step=7, run=RUN, loss=0.1, correct=3, seconds=1.5, samples=((1e-9, 3e7), (1 / 3, 2.0))),
    RunClock.of(0.1, 3, 2, RUN),
    Clocks(runs=(RunClock.of(0.1, 3, 2, RUN), finished_run(5, 1).clock)),
    short_run(0.1, 1000, None),
    search({0.1: 0.3, 0.2: None}),
    REPLAYED,
    finished_run(5, 1, "diverged"),
    finished_run(5, 2).model_copy(update={"environment": ELSEWHERE}),
    PROFILE,
    *PROFILE.layers,
    *PROFILE.weighted_layers,
    Names(dataset="cifar10", classes=("airplane", "cat")),
    about_of(spec_of(SMALL)),
    about_of(spec_of(SMALL), version="0.3.0"),
    Speed(inference_images_per_second=None, inference_batch=None, environment=ENVIRONMENT),
    LookedInto(seed=3, budget=4, status="collapsed"),
    Estimate.of([0.1, None, 0.3]),
    Estimate.of([None]),
    FieldSides(
        theoretical=10,
        effective=None,
        deviation_untrained=Estimate.of([0.1]),
        deviation_trained=Estimate.of([None]),
    ),
    Spread(deviation=1 / 3, side=2.0),
    LAYER_SPREAD,
    Spreads(seed=3, budget=4, layers=(LAYER_SPREAD,), environment=ELSEWHERE, known_by="a hash"),
    entry(0.5, "trained", "diverged", half=None),
    entry(0.5).by_budget["1"],
    TIMING["wide"],
    timings_of(NOT_MEASURED)["wide"],
    *found_of(TIMING["wide"].step, COSTS.ratio("wide", "thin")),
    COSTS.found,
    COSTS.found.sessions[0],
    COSTS.found.sessions[0].networks["wide"],
    Summaries(dataset="cifar10", test_images=100, architectures={"thin": entry(0.5), "wide": entry(0.6)}),
    Timings(architectures=TIMING),
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


WRITTEN = json.dumps(REPLAYED.model_dump(mode="json"))


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
        ('"learning_rate": 0.1', '"learning_rate": null', "runs.0.learning_rate"),
        ('"learning_rate": 0.1', '"learning_rate": NaN', "runs.0.learning_rate"),
        ('"learning_rate": 0.1', '"learning_rate": Infinity', "runs.0.learning_rate"),
        ('"diverged"', '"lost"', "runs.1.status"),
        ('"unfolded"', '"somehow"', "environment.fallbacks.conv2"),
    ],
)
def test_a_file_that_holds_something_else_ends_in_a_line_with_its_name_and_the_key(
    old: str, new: str, key: str, tmp_path: Path
) -> None:
    path = tmp_path / "run.json"
    path.write_text(WRITTEN)
    assert Replayed.read(path) == REPLAYED
    assert WRITTEN.count(old) == 1
    path.write_text(WRITTEN.replace(old, new))
    assert line_about(path, Replayed.read).startswith(f"{key}: ")


def test_a_file_that_is_no_text_or_is_not_there_ends_in_a_line_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    assert line_about(path, Replayed.read).startswith("not found")
    path.write_bytes(b"\xff\xfe\x00")
    assert line_about(path, Replayed.read).startswith("content: ")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_becomes_no_record(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Epoch(epoch=1, loss=value)
    with pytest.raises(ValueError, match="finite"):
        Estimate(mean=value, ci95=None, per_seed=())


def run_of(*losses: float | None, norms: Sequence[float] = ()) -> Run:
    """An epoch for each loss, which is its accuracies as well; one for None has diverged."""
    return Run(
        status="diverged" if None in losses else "trained",
        epochs=tuple(
            Epoch(epoch=epoch, loss=loss, train_accuracy=loss, validation_loss=loss, validation_accuracy=loss)
            for epoch, loss in enumerate(losses, start=1)
        ),
        gradients=tuple(
            LayerNorms(epoch=1, layer=f"conv{place}", gradient_norm=norm, weight_norm=-norm)
            for place, norm in enumerate(norms)
        ),
        clock=tuple(
            EpochClock(train_seconds=0.1 * epoch, evaluation_seconds=1 / 3, images=300)
            for epoch in range(len(losses))
        ),
    )


def trained(runs: Mapping[Key, Run]) -> Trained:
    """Runs by seed and budget, those of seed 5 in another environment."""
    return Trained(
        tuple(
            FinishedRun(
                seed=seed, budget=budget, learning_rate=0.1, fingerprint=f"f{seed}-{budget}",
                environment=ELSEWHERE if seed == 5 else ENVIRONMENT, run=run,
                version="0.1.0" if seed == 5 else "0.2.0",
            )
            for (seed, budget), run in runs.items()
        )
    )  # fmt: skip


# In the order of seeds and budgets of no sorting; one run diverged in its second epoch, one in its first.
TRAINED = trained(
    {
        (5, 2): run_of(0.1 + 0.2, 1 / 3, norms=(1e-9, 3e7)),
        (5, 10): run_of(1.0, None, norms=(0.5,)),
        (3, 2): run_of(None),
        (3, 10): run_of(2.0, 0.0, 0.1, norms=(5e-324, 1.7976931348623157e308, 0.1)),
    }
)
FILES = ["clocks.json", "gradients.csv", "history.csv", "runs.json"]


def kept(of: Trained, folder: Path) -> Path:
    """The folder, with ``of``; its clocks, which are elsewhere in the project, are beside it."""
    of.write(folder, folder / "clocks.json")
    return folder


def read_trained(folder: Path) -> Trained:
    return Trained.read(folder, folder / "clocks.json")


def test_finished_runs_are_read_as_they_were_written(tmp_path: Path) -> None:
    found = read_trained(kept(TRAINED, tmp_path))
    assert found == TRAINED
    assert repr(found) == repr(TRAINED)  # which tells 1 from 1.0
    assert found.runs[1].status == found.runs[2].status == "diverged"
    assert found.runs[2].run.gradients == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES


def test_runs_that_all_diverged_at_once_are_read_as_they_were_written(tmp_path: Path) -> None:
    lost = trained({(3, 1): run_of(None), (5, 1): run_of(None)})
    assert repr(read_trained(kept(lost, tmp_path))) == repr(lost)


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=50)
@given(st.lists(FINITE, min_size=1, max_size=4), st.lists(FINITE, max_size=4))
def test_every_number_keeps_its_bits(losses: list[float], norms: list[float]) -> None:
    one = trained({(3, len(losses)): run_of(*losses, norms=norms)})
    with TemporaryDirectory() as folder:
        assert repr(read_trained(kept(one, Path(folder)))) == repr(one)


def test_finished_runs_without_the_clocks_are_the_same_but_for_these(tmp_path: Path) -> None:
    folder = kept(TRAINED, tmp_path)
    (folder / "clocks.json").unlink()
    without = [one.model_copy(update={"run": one.run.model_copy(update={"clock": ()})}) for one in TRAINED.runs]
    assert Trained.read(folder, timing=None) == Trained(tuple(without))
    assert line_about(folder, read_trained, folder / "clocks.json").startswith("not found")


def test_equal_runs_give_equal_bytes_though_they_were_read_again(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    kept(TRAINED, one)
    kept(read_trained(one), two)
    for name in FILES:
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_tables_have_a_row_for_each_run_and_epoch(tmp_path: Path) -> None:
    folder = kept(TRAINED, tmp_path)
    history, gradients = ((folder / name).read_text().splitlines() for name in ("history.csv", "gradients.csv"))
    assert history[:4] == [
        "seed,budget,epoch,loss,train_accuracy,validation_loss,validation_accuracy",
        "5,2,1,0.30000000000000004,0.30000000000000004,0.30000000000000004,0.30000000000000004",
        "5,2,2,0.3333333333333333,0.3333333333333333,0.3333333333333333,0.3333333333333333",
        "5,10,1,1.0,1.0,1.0,1.0",
    ]
    assert history[4:6] == ["5,10,2,,,,", "3,2,1,,,,"]
    assert gradients[:2] == ["seed,budget,epoch,layer,gradient_norm,weight_norm", "5,2,1,conv0,1e-09,-1e-09"]


@pytest.mark.parametrize("name", FILES)
def test_finished_runs_of_which_a_file_is_missing_or_damaged_end_in_a_line_with_its_name(
    name: str, tmp_path: Path
) -> None:
    path = kept(TRAINED, tmp_path) / name
    whole = path.read_bytes()
    last_line = whole.rstrip().rindex(b"\n") + 1
    cut = whole[: last_line + whole[last_line:].index(b",") + 1] if name.endswith(".csv") else whole[:-10]
    for content in (b"", b"no table", b"\xff\xfe\x00", b'"', cut, whole + b"1,2,3,4,5,6,7,8\n"):
        path.write_bytes(content)
        line_about(tmp_path, read_trained, path)
    path.unlink()
    assert line_about(tmp_path, read_trained, path).startswith("not found")


def test_a_word_where_a_number_belongs_ends_in_a_line_with_the_file_s_name(tmp_path: Path) -> None:
    for name, number in (("history.csv", "0.3333333333333333"), ("gradients.csv", "30000000.0")):
        path = kept(TRAINED, tmp_path) / name
        path.write_text(path.read_text().replace(number, "many"))
        assert "validation error" in line_about(tmp_path, read_trained, path)


@pytest.mark.parametrize("row", ["5,2,2,", "3,2,1,"])
def test_a_history_in_which_a_row_of_a_run_is_missing_is_not_taken_for_its_runs(row: str, tmp_path: Path) -> None:
    path = kept(TRAINED, tmp_path) / "history.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(row)))
    seed, budget, *_ = row.split(",")
    assert f"seed {seed} budget {budget}" in line_about(tmp_path, read_trained, path)


def test_clocks_of_other_runs_are_not_taken_for_those_of_these(tmp_path: Path) -> None:
    kept(TRAINED, tmp_path)
    for clocks in (TRAINED.runs[:-1], [*TRAINED.runs[:-1], finished_run(3, 10)]):
        Clocks(runs=tuple(one.clock for one in clocks)).write(tmp_path / "clocks.json")
        assert "seed 3 budget 10" in line_about(tmp_path, read_trained, tmp_path / "clocks.json")


WEIGHTS = {"a": torch.arange(6.0).reshape(2, 3).t(), "b": torch.tensor([1e-45, -0.0]), "count": torch.tensor(7)}


def test_a_store_gives_a_run_and_its_weights_back_by_the_fingerprint(tmp_path: Path) -> None:
    store, (one, other, *_) = Store(tmp_path / "cache" / "finished"), TRAINED.runs
    assert store.find(one.fingerprint) is None
    store.put(one, WEIGHTS)
    store.put(other, {"a": torch.zeros(1)})
    assert repr(store.find(one.fingerprint)) == repr(one)  # its clocks as well
    assert store.find(other.fingerprint) == other
    assert store.find("another") is None
    stored, found = store.read(one.fingerprint)
    assert stored == one
    assert set(found) == set(WEIGHTS)
    for name, tensor in WEIGHTS.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].equal(tensor)


def test_a_diverged_run_in_a_store_has_no_weights(tmp_path: Path) -> None:
    store, lost = Store(tmp_path), TRAINED.runs[2]
    store.put(lost, {})
    assert store.find(lost.fingerprint) == lost
    assert store.read(lost.fingerprint) == (lost, {})


def test_a_damaged_or_truncated_file_in_a_store_is_no_run(tmp_path: Path) -> None:
    store, one = Store(tmp_path), TRAINED.runs[0]
    store.put(one, WEIGHTS)
    path = store.path(one.fingerprint)
    whole = path.read_bytes()
    of_another_version = whole.replace(b'\\"budget\\"', b'\\"epochs\\"')
    assert of_another_version != whole
    for content in (
        b"", b"no tensors", whole[:7], whole[:100], whole[:-1], of_another_version,
        save(WEIGHTS | {"a": torch.zeros(1)}), save({}, {"finished": "{"}),
    ):  # fmt: skip
        path.write_bytes(content)
        assert store.find(one.fingerprint) is None
    path.write_bytes(whole)
    assert store.find(one.fingerprint) == one


OF_EVALUATION = ["evaluation.json", "influence.npz", "pictures.npz", "predictions.npz"]


def evaluation() -> Evaluation:
    """Of noise. A run diverged; the second layer has no influence at all, and no network after training."""
    generator = np.random.default_rng(0)

    def influence() -> Any:
        amounts = generator.random((32, 32)) ** 8
        return amounts / amounts.sum()

    def predictions(budget: int) -> Predictions:
        calibrated = Calibrated(0.123456789 * budget, generator.random(1000)) if budget == 20 else None
        return Predictions(generator.integers(10, size=1000), generator.random(1000), calibrated)

    def shown() -> Activations:
        maps: dict[str, Maps] = {
            "conv1": generator.random((4, 32, 32), np.float32) * np.float32(300),
            "residual1": generator.random((2, 8, 8), np.float32) * np.float32(0.001),
            "dead one": np.zeros((2, 4, 4), np.float32),
        }
        return Activations(generator.integers(256, size=(3, 32, 32), dtype=np.uint8), maps)

    def evaluated(seed: int, budget: int) -> Evaluated:
        where = ELSEWHERE if budget == 2 else ENVIRONMENT
        return Evaluated(predictions(budget), f"{seed} {budget} of noise", where)

    lost = Evaluated(None, "lost", ENVIRONMENT)
    runs = {(11, 2): evaluated(11, 2), (11, 20): evaluated(11, 20), (5, 2): lost, (3, 2): evaluated(3, 2)}
    inside = Inside(
        looked_into=LookedInto(seed=11, budget=20, status="trained"),
        images=150,
        fields=(
            Field("conv1", 32, 3, 15.5, (15, 17), (0, 31), influence(), influence()),
            Field("residual1", 32, 36, 19.25, (0, 31), (1, 30), np.zeros((32, 32)), None),
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
        known_by="11 20 inside",
    )
    spreads = Spreads(
        seed=11,
        budget=20,
        layers=tuple(map(LayerSpread.of, inside.fields)),
        environment=ELSEWHERE,
        known_by="11 20 spreads",
    )
    return Evaluation(runs, {(11, 20): spreads}, inside)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder with ``evaluation()``."""
    evaluation().write(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", OF_EVALUATION[1:])
def test_a_file_of_another_evaluation_is_refused(name: str, written: Path) -> None:
    arrays = load_arrays(written / name)
    save_arrays(written / name, {key: array[::-1] for key, array in arrays.items()})
    with pytest.raises(StudyError, match=f"{name}: another evaluation's"):
        Evaluation.read(written)


def test_an_evaluation_is_read_as_it_was_written(written: Path) -> None:
    whole, found = evaluation(), Evaluation.read(written)
    assert list(found.runs) == [(11, 2), (11, 20), (5, 2), (3, 2)]
    assert found.runs[5, 2] == whole.runs[5, 2]
    for key, run in whole.runs.items():
        assert (found.runs[key].known_by, found.runs[key].environment) == (run.known_by, run.environment)
        if run.predictions is None:
            continue
        of_file = found.runs[key].predictions
        assert of_file is not None
        assert of_file.predicted.dtype == np.int64
        assert (of_file.predicted == run.predictions.predicted).all()
        assert np.abs(of_file.confidence - run.predictions.confidence).max() <= 0.501 / 65535  # rounded
        calibrated, kept = run.predictions.calibrated, of_file.calibrated
        assert (kept is not None) == (calibrated is not None) == (key == (11, 20))
        if kept is not None and calibrated is not None:
            assert kept.temperature == calibrated.temperature
            assert np.abs(kept.confidence - calibrated.confidence).max() <= 0.501 / 65535
    assert found.spreads == whole.spreads
    assert found.spreads[11, 20].layers[1].untrained is None
    inside, seen = whole.inside, found.inside
    assert (seen.looked_into, seen.environment, seen.known_by) == (
        inside.looked_into, inside.environment, inside.known_by,
    )  # fmt: skip
    assert seen.filters_of == "conv1"
    assert (seen.filters == inside.filters).all()
    assert {layer: flags.tolist() for layer, flags in seen.dead.items()} == {
        layer: flags.tolist() for layer, flags in inside.dead.items()
    }
    assert all(flags.dtype == bool for flags in seen.dead.values())


def test_fields_keep_their_geometry_and_their_influence_to_float32(written: Path) -> None:
    for field, of_file in zip(evaluation().inside.fields, Evaluation.read(written).inside.fields, strict=True):
        without: dict[str, Any] = {"untrained": None, "trained": None}
        assert replace(of_file, **without) == replace(field, **without)
        for influence, found in ((field.untrained, of_file.untrained), (field.trained, of_file.trained)):
            assert (found is None) == (influence is None)
            if found is not None and influence is not None:
                assert found.dtype == np.float64
                np.testing.assert_allclose(found, influence, rtol=1e-7)


def test_maps_are_kept_to_a_255th_of_the_largest_of_their_layer(written: Path) -> None:
    whole, found = evaluation().inside.activations, Evaluation.read(written).inside.activations
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
    assert sorted(path.name for path in written.iterdir()) == OF_EVALUATION
    for name in OF_EVALUATION:
        assert (again / name).read_bytes() == (written / name).read_bytes()


def test_an_evaluation_written_again_after_it_was_read_has_the_same_bytes(
    written: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    again = tmp_path_factory.mktemp("again")
    Evaluation.read(written).write(again)
    for name in OF_EVALUATION:
        assert (again / name).read_bytes() == (written / name).read_bytes()


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("name", OF_EVALUATION)
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
    [
        ("predictions", "confidence seed 3 budget 2"),
        ("predictions", "calibrated seed 11 budget 20"),
        ("pictures", "filters"),
        ("pictures", "image 17"),
    ],
)
def test_an_evaluation_without_one_of_its_arrays_ends_in_a_line_with_its_folder(
    name: str, array: str, written: Path
) -> None:
    arrays = load_arrays(written / f"{name}.npz")
    del arrays[array]
    save_arrays(written / f"{name}.npz", arrays)
    index = json.loads((written / "evaluation.json").read_text())
    index["contents"][f"{name}.npz"] = hashlib.sha256((written / f"{name}.npz").read_bytes()).hexdigest()
    (written / "evaluation.json").write_text(json.dumps(index))
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
    for ordered in (runs, runs[::2] + runs[1::2]):  # the smaller budgets before or behind the others
        assert run_to_look_into(ordered) == LookedInto(seed=seed, budget=BUDGET, status=statuses[seed - 10])
