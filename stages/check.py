"""Check params.yaml as a whole, before any stage does any work. Says every mistake at once; writes nothing."""

from cnn_study.params import validate
from cnn_study.schema import read_yaml


def main() -> None:
    validate(read_yaml())


if __name__ == "__main__":
    main()
