"""data/raw/ -> data/prepared/{train,validation,test}/: uint8 images, labels, names of data set and classes.

What sees no images needs their shape, the labels of the test images and the names: results/data/, with what is to
be said of how the images were divided.
"""

from pathlib import Path

from cnn_study.base.files import save_arrays, whole_folder
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.data.shape import save_shape
from cnn_study.data.splits import Names, Split, save_labels, save_split
from cnn_study.sources.datasets import FOLDER, Data
from cnn_study.sources.division import divide, refuse_guessable
from cnn_study.sources.duplicates import duplicates, without_duplicates
from cnn_study.sources.prepared import SHOWN, Prepared

RAW = Path("data/raw")
PREPARED = Path("data/prepared")
RESULTS = Path("results/data")


def main() -> None:
    data = parse(Data, section(read_yaml(), "data"), "data")
    raw = data.source.read(RAW)
    names = Names(dataset=data.dataset, classes=raw.classes)
    shape = data.source.shape(len(raw.classes))
    if raw.train.images.shape[1:] != shape.images(1)[1:]:  # by which params.yaml was checked
        raise RuntimeError(f"{data.dataset}: its reader gives {raw.train.images.shape}, not images of {shape}")

    division = divide(raw, data)
    found = duplicates(division)
    dropped = data.dataset == FOLDER  # the others are as everyone has them
    if dropped:
        division = without_duplicates(division, found, raw.classes)
    refuse_guessable(division.validation)

    for name, chosen in (("train", division.train), ("validation", division.validation), ("test", division.test)):
        with whole_folder(PREPARED / name) as folder:
            save_split(folder, Split(chosen.part.images, chosen.part.labels, names), chosen.rows)
    with whole_folder(RESULTS) as folder:
        save_labels(folder, division.test.labels, names)
        save_shape(folder / "shape.json", shape)
        Prepared.of(division, found, len(raw.classes), dropped=dropped).write(folder / "images.json")
        shown = {str(number): division.test.image(place) for number, place in enumerate(found.tested[:SHOWN])}
        if shown:
            save_arrays(folder / "duplicates.npz", shown)


if __name__ == "__main__":
    main()
