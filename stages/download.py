"""A local copy, the network or the embedded data -> data/raw/, checked."""

from pathlib import Path

from cnn_study.base.files import scratch_folder, whole_folder
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.sources.datasets import Data

RAW = Path("data/raw")


def main() -> None:
    data = parse(Data, section(read_yaml(), "data"), "data")
    with whole_folder(RAW) as folder, scratch_folder("download") as scratch:
        data.source.fetch(folder, scratch)


if __name__ == "__main__":
    main()
