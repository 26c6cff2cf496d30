"""A folder of pictures as a data set: what is read, how it is divided, what is refused before training."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import read_yaml
from cnn_study.data.splits import is_balanced, load_split
from cnn_study.sources.cifar10 import CIFAR10
from cnn_study.sources.datasets import Data, Sizes
from cnn_study.sources.division import Chosen, divide, refuse_guessable
from cnn_study.sources.duplicates import duplicates, without_duplicates
from cnn_study.sources.folder import fetch, look_into, read
from cnn_study.sources.prepared import Prepared
from cnn_study.sources.source import Part, Raw
from cnn_study.training.evaluation import explained_by_chance
from stages import check as check_of_stages
from stages import download, prepare
from tests.conftest import REPOSITORY

SIZE = 8
DATA = Data.model_validate(read_yaml(REPOSITORY / "params.yaml")["data"] | {"dataset": "folder", "size": SIZE})


def picture(number: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def filled(folder: Path, counts: Mapping[str, int], first: int = 0) -> Path:
    """``folder`` with so many pictures in each of its folders, no two of them alike."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(picture(first)).save(folder / name / f"{number:03}.png")
            first += 1
    return folder


def raw_of(folder: Path, tmp_path: Path) -> Raw:
    target = tmp_path / "raw"
    target.mkdir()
    fetch(folder, SIZE, target, tmp_path)
    return read(SIZE, target)


DIVIDED = {"train/dog": 8, "train/cat": 12, "test/dog": 2, "test/cat": 3}


def test_images_are_in_the_order_of_class_and_file_name(tmp_path: Path) -> None:
    folder = filled(tmp_path / "images", {"b": 2, "a": 3})
    (folder / "a/000.png").rename(folder / "a/zzz.PNG")
    raw = raw_of(folder, tmp_path)
    assert raw.classes == ("a", "b")
    assert raw.train.labels.tolist() == [0, 0, 0, 1, 1]
    assert raw.train.files == ("a/001.png", "a/002.png", "a/zzz.PNG", "b/000.png", "b/001.png")
    expected = [picture(number).transpose(2, 0, 1) for number in (3, 4, 2, 0, 1)]
    np.testing.assert_array_equal(raw.train.images, expected)
    assert raw.test is None


def test_a_folder_that_is_divided_keeps_its_parts(tmp_path: Path) -> None:
    raw = raw_of(filled(tmp_path / "images", DIVIDED | {"validation/cat": 1, "validation/dog": 2}), tmp_path)
    division = divide(raw, DATA)
    sizes = [len(chosen) for chosen in (division.train, division.validation, division.test)]
    assert sizes == [20, 3, 5]
    assert division.test.labels.tolist() == [0, 0, 0, 1, 1]
    assert division.test.part.name_of(3) == "test/dog/000.png"


def test_of_classes_alone_the_same_share_of_each_is_set_aside(tmp_path: Path) -> None:
    raw = raw_of(filled(tmp_path / "images", {"cat": 40, "dog": 20, "owl": 10}), tmp_path)
    division = divide(raw, DATA)
    assert np.bincount(division.test.labels).tolist() == [8, 4, 2]
    assert np.abs(np.bincount(division.validation.labels) - np.array([3.2, 1.6, 0.8])).max() < 1
    rows = np.concatenate([chosen.rows for chosen in (division.train, division.validation, division.test)])
    assert sorted(rows) == list(range(70))


def test_what_lies_beside_pictures_is_said_or_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = filled(tmp_path / "images", {"cat": 2, "dog": 2})
    for name in ("README.md", "cat/.DS_Store", "cat/._000.png", "dog/notes.txt", "dog/photo.heic"):
        (folder / name).write_text("no picture")
    (folder / ".git").mkdir()
    assert len(look_into(folder, SIZE).files["train"]) == 4
    assert capsys.readouterr().err == ""  # what looks into a folder more than once
    (tmp_path / "raw").mkdir()
    fetch(folder, SIZE, tmp_path / "raw", tmp_path)
    line, _ = capsys.readouterr().err.splitlines()
    assert line.endswith("dog: left out 2 files that do not end as a picture does: notes.txt, photo.heic")


def nothing(folder: Path) -> None:
    pass


def more_classes(folder: Path) -> None:
    for number in range(1001):
        (folder / f"class {number}").mkdir(exist_ok=True)


def a_folder_in_a_class(folder: Path) -> None:
    (folder / "test/cat/more").mkdir()


def renamed(old: str, new: str) -> Callable[[Path], None]:
    def rename(folder: Path) -> None:
        (folder / old).rename(folder / new)

    return rename


WRONG: dict[str, tuple[Mapping[str, int], Callable[[Path], None], str]] = {
    "nothing there": ({}, nothing, "found no folder of pictures, allowed: .*`dvc add`"),
    "one class": ({"cat": 2}, nothing, "classes: found 1, allowed: 2 to 1000"),
    "too many classes": ({"cat": 1}, more_classes, "classes: found 1002, allowed: 2 to 1000"),
    "no test": ({"train/cat": 1, "train/dog": 1}, nothing, "found no folder test, allowed: train and test"),
    "no training": ({"test/cat": 1, "test/dog": 1}, nothing, "found no folder train"),
    "another word": (DIVIDED, renamed("test", "val"), "found 'val' beside train or test, allowed: train, "),
    "a class too few": (DIVIDED, renamed("test/dog", "test/cow"), "class 'cow': found none in train, allowed: "),
    "an empty class": (DIVIDED | {"train/owl": 0, "test/owl": 1}, nothing, "owl: found no picture, "),
    "a folder in a class": (DIVIDED, a_folder_in_a_class, "cat: found 'more', allowed"),
    "a name of two lines": (
        DIVIDED,
        renamed("test/cat/000.png", "test/cat/a\nb.png"),
        "found 'a.*b.png', allowed",
    ),
    "a long name": ({"cat": 1, "d" * 101: 1}, nothing, "class: found 'dd.*at most 100 bytes"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_folder_is_said_in_lines_that_name_it(tmp_path: Path, case: str) -> None:
    counts, change, says = WRONG[case]
    folder = tmp_path / "images"
    folder.mkdir()
    filled(folder, counts)
    change(folder)
    with pytest.raises(StudyError, match=says) as error:
        look_into(folder, SIZE)
    assert all(line.startswith(str(folder)) for line in str(error.value).splitlines())


@pytest.mark.parametrize("broken", [1, 10, 13])
def test_ten_files_that_cannot_be_read_are_named_and_the_others_counted(tmp_path: Path, broken: int) -> None:
    folder = filled(tmp_path / "images", {"cat": 20, "dog": 2})
    for number in range(broken):
        whole = (folder / f"cat/{number:03}.png").read_bytes()
        (folder / f"cat/{number:03}.png").write_bytes((b"", b"no picture", whole[: len(whole) // 2])[number % 3])
    with pytest.raises(StudyError) as error:
        raw_of(folder, tmp_path)
    lines = str(error.value).splitlines()
    assert [f"cat/{number:03}.png: found " in line for number, line in enumerate(lines[:10])] == [True] * min(
        broken, 10
    )
    assert lines[10:] == (["... and 3 more"] if broken == 13 else [])


@pytest.mark.parametrize(
    ("counts", "change", "lines"),
    [
        (
            {"cat": 50, "dog": 2, "owl": 1},
            {},
            ["test_fraction: found 0.2, allowed where each class has at least 5 images: "] * 2,
        ),
        (
            {"train/cat": 40, "train/dog": 4, "test/cat": 1, "test/dog": 1},
            {},
            ["validation_fraction: found 0.1, allowed where each class has at least 11 images: 'dog' has 4"],
        ),
        (
            {"train/cat": 40, "train/dog": 1, "test/cat": 1, "test/dog": 1},
            {"validation_fraction": 0.9},
            ["validation_fraction: found 0.9, allowed where each class has at least 11 images: 'dog' has 1"],
        ),
        (DIVIDED, {"train_images": 21}, ["train_images: found 21, which makes 21 images, allowed: 1 to 20"]),
        (DIVIDED, {"validation_fraction": 0.01}, ["validation_fraction: found 0.01, which makes 0 images"]),
        (
            DIVIDED,
            {"test_images": 1},
            ["test_images: found 1, allowed where each class has at least 5 images: "] * 2,
        ),
    ],
)
def test_a_class_with_too_few_images_is_named(
    tmp_path: Path, counts: Mapping[str, int], change: Mapping[str, Any], lines: list[str]
) -> None:
    raw = raw_of(filled(tmp_path / "images", counts), tmp_path)
    with pytest.raises(StudyError) as error:
        divide(raw, DATA.model_copy(update=change))
    for line, says in zip(str(error.value).splitlines(), lines, strict=True):
        assert line.startswith(f"params.yaml: data.{says}")


def test_images_of_another_size_or_damaged_ones_are_not_taken_for_the_right_ones(tmp_path: Path) -> None:
    raw_of(filled(tmp_path / "images", DIVIDED), tmp_path)
    with pytest.raises(StudyError, match="found images of 8 pixels; `dvc repro download` makes them again"):
        read(SIZE + 1, tmp_path / "raw")
    content = (tmp_path / "raw/test.npy").read_bytes()
    for damaged in (content[:-100], b""):
        (tmp_path / "raw/test.npy").write_bytes(damaged)
        with pytest.raises(StudyError, match=r"test\.npy: found no images"):
            read(SIZE, tmp_path / "raw")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with a params.yaml that names a folder of pictures, in which stages can run."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "images"
    data = DATA.model_dump() | {"folder": str(folder)}
    (tmp_path / "params.yaml").write_text(json.dumps({"data": data}))
    return folder


CAPACIOUS = {"train/cat": 100, "train/dog": 80, "test/cat": 200, "test/dog": 100}


def test_equal_pixels_in_two_splits_are_dropped_from_training_and_counted(workplace: Path) -> None:
    filled(workplace, CAPACIOUS)
    # The same pixels in another file, of another class and in another format, once each.
    Image.fromarray(picture(0)).save(workplace / "test/dog/copy.png", compress_level=0)
    Image.fromarray(picture(1)).save(workplace / "test/dog/copy.bmp")
    Image.fromarray(picture(0)).save(workplace / "train/dog/again.png")
    download.main()
    prepare.main()
    splits = {name: load_split(Path("data/prepared") / name) for name in ("train", "validation", "test")}
    seen = {name: {image.tobytes() for image in split.images} for name, split in splits.items()}
    assert not seen["test"] & (seen["train"] | seen["validation"])
    prepared = Prepared.read(Path("results/data/images.json"))
    assert (prepared.of_test, prepared.tested, prepared.of_validation, prepared.dropped) == (3, 2, 0, True)
    assert prepared.images == sum(CAPACIOUS.values()) + 3 - 3
    assert prepared.test == (200, 102)
    assert not is_balanced(prepared.test)
    assert [pair.tested for pair in prepared.pairs] == ["test/dog/copy.bmp", "test/dog/copy.png"]
    assert prepared.pairs[0].learned == "train/cat/001.png"
    with np.load("results/data/duplicates.npz") as pictures:
        np.testing.assert_array_equal(pictures["0"], picture(1).transpose(2, 0, 1))


def test_a_validation_image_that_is_in_training_is_dropped_there(workplace: Path, tmp_path: Path) -> None:
    filled(workplace, CAPACIOUS)
    filled(workplace, {"validation/cat": 3, "validation/dog": 3}, first=1000)
    for number in range(2):
        Image.fromarray(picture(1000 + number)).save(workplace / f"train/dog/more {number}.png")
    raw = raw_of(workplace, tmp_path)
    found = duplicates(divide(raw, DATA))
    assert (len(found.between), len(found.train), len(found.tested)) == (2, 0, 0)
    left = without_duplicates(divide(raw, DATA), found, raw.classes)
    assert (len(left.train), len(left.validation)) == (180, 6)


def test_more_duplicates_than_one_in_a_hundred_test_images_are_refused(workplace: Path) -> None:
    filled(workplace, CAPACIOUS)
    for number in range(3):
        Image.fromarray(picture(number)).save(workplace / f"test/cat/copy {number}.png")
    download.main()
    prepare.main()  # 3 of 303
    Image.fromarray(picture(3)).save(workplace / "test/cat/copy 3.png")
    download.main()
    says = r"data.folder: found 4 of 304 test images .*train/cat/000.png and test/cat/copy 0.png; .*at most 1 %"
    with pytest.raises(StudyError, match=says):
        prepare.main()


@pytest.mark.parametrize(("largest", "others", "allowed"), [(5, 5, 11), (24, 6, 35), (45, 5, 73), (40, 10, 35)])
def test_validation_images_that_guessing_may_have_right_are_refused(
    largest: int, others: int, allowed: int
) -> None:
    def validation(largest: int, others: int) -> Chosen:
        labels = np.array([0] * largest + [1] * others)
        return Chosen(Part(np.zeros((len(labels), 3, SIZE, SIZE), np.uint8), labels), np.arange(len(labels)))

    count, share = largest + others, largest / (largest + others)
    # As many as make a network that is always right differ from chance, and no more.
    assert not explained_by_chance(1.0, allowed, share)
    assert explained_by_chance(1.0, allowed - 1, share)
    if count >= allowed:
        refuse_guessable(validation(largest, others))
        return
    says = (
        rf"found {count} validation images, {largest} of one class, .*allowed: at least {allowed} with that share"
    )
    with pytest.raises(StudyError, match=says):
        refuse_guessable(validation(largest, others))


def test_a_folder_with_too_few_validation_images_is_refused_before_training(workplace: Path) -> None:
    filled(workplace, {"train/cat": 60, "train/dog": 40, "test/cat": 2, "test/dog": 2})
    download.main()
    with pytest.raises(StudyError, match="data: found 10 validation images, 6 of one class, .*at least 15 with"):
        prepare.main()
    assert not Path("data/prepared").exists()


def test_of_a_named_data_set_duplicates_are_counted_and_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/fashion_mnist").symlink_to(REPOSITORY / "data/fashion_mnist")
    data = read_yaml(REPOSITORY / "params.yaml")["data"] | {"dataset": "fashion_mnist"}
    (tmp_path / "params.yaml").write_text(json.dumps({"data": data}))
    download.main()
    prepare.main()
    prepared = Prepared.read(Path("results/data/images.json"))
    assert prepared.images == 12_000
    assert prepared.test == (200,) * 10
    assert not prepared.dropped
    assert prepared.pairs == ()


def test_splits_are_written_as_numpy_writes_them(workplace: Path) -> None:
    filled(workplace, CAPACIOUS)
    download.main()
    prepare.main()
    path = Path("data/prepared/train/images.npy")
    np.save("again.npy", np.load(path))
    assert path.read_bytes() == Path("again.npy").read_bytes()


def test_the_check_of_params_says_what_is_wrong_with_the_folder_and_with_a_key_of_it(workplace: Path) -> None:
    from scripts import check

    content = read_yaml(REPOSITORY / "params.yaml")
    content["data"] |= {"dataset": "folder", "folder": str(workplace)}
    Path("params.yaml").write_text(json.dumps(content))
    with pytest.raises(StudyError, match="images: found no folder of pictures"):
        check.main()
    filled(workplace, {"cat": 600, "dog": 600})
    check.main()


@pytest.mark.parametrize(
    "parts", [{"train/cat": 9, "train/dog": 9, "test/cat": 9, "test/dog": 10}, {"cat": 48, "dog": 47}]
)
def test_more_test_images_than_a_folder_has_are_refused_before_any_stage(
    workplace: Path, parts: Mapping[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    content = read_yaml(REPOSITORY / "params.yaml")
    content["data"] |= {"dataset": "folder", "folder": str(workplace)}
    content["evaluate"] |= {"images": 19, "shown_images": [0, 18]}

    def checked() -> None:
        Path("params.yaml").write_text(json.dumps(content))
        check_of_stages.main()

    checked()  # what is not here, the stage says that reads it
    filled(workplace, parts)
    (workplace / next(iter(parts)) / "notes.txt").write_text("no picture")
    checked()
    assert capsys.readouterr().err == ""  # it runs before each stage
    content["evaluate"] |= {"images": 20, "shown_images": [0, 19]}
    with pytest.raises(StudyError) as error:
        checked()
    assert str(error.value).splitlines() == [
        "params.yaml: evaluate.shown_images[1]: found 19, allowed: at most 18, since there are 19 test images",
        "params.yaml: evaluate.images: found 20, allowed: at most 19, since there are 19 test images",
    ]
    content["evaluate"]["shown_images"] = [0]
    content["data"]["folder"] += " elsewhere"
    checked()


def test_images_of_a_folder_are_counted_as_they_will_be_divided(tmp_path: Path) -> None:
    divided = filled(tmp_path / "divided", DIVIDED | {"validation/cat": 3, "validation/dog": 3})
    alone = filled(tmp_path / "alone", {"cat": 41, "dog": 33})
    for folder, changes in ((divided, {}), (alone, {}), (alone, {"train_images": 30, "test_images": 4})):
        data = DATA.model_copy(update={"folder": str(folder), **changes})
        target = tmp_path / f"{folder.name} {len(changes)}"
        target.mkdir()
        division = divide(raw_of(folder, target), data)
        parts = (division.train, division.validation, division.test)
        assert data.sizes == Sizes(*map(len, parts))


@pytest.mark.skipif("CIFAR10_ARCHIVE" not in os.environ, reason="CIFAR10_ARCHIVE names no copy of CIFAR-10")
def test_cifar10_as_a_folder_of_png_gives_the_arrays_of_the_archive(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    CIFAR10.fetch_from(CIFAR10.find(os.environ["CIFAR10_ARCHIVE"], tmp_path), tmp_path / "archive", tmp_path)
    original = CIFAR10.read(tmp_path / "archive")
    assert original.test is not None
    for part, of_part in (("train", original.train), ("test", original.test)):
        for number in range(0, len(of_part.labels), 50):
            path = tmp_path / "images" / part / original.classes[of_part.labels[number]] / f"{number:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(of_part.images[number].transpose(1, 2, 0)).save(path)
    (tmp_path / "raw").mkdir()
    fetch(tmp_path / "images", 32, tmp_path / "raw", tmp_path)
    raw = read(32, tmp_path / "raw")
    assert raw.classes == original.classes
    assert raw.test is not None
    for mine, of_archive in ((raw.train, original.train), (raw.test, original.test)):
        some = np.arange(0, len(of_archive.labels), 50)
        in_order = some[np.argsort(of_archive.labels[some], kind="stable")]  # by class, then by number
        np.testing.assert_array_equal(mine.images, of_archive.images[in_order])
        np.testing.assert_array_equal(mine.labels, of_archive.labels[in_order])
