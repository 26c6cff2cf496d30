"""The shape of a data set's images, and how many classes it has: what a network is built for."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path

from cnn_study.base.errors import StudyError
from cnn_study.base.files import read_json, write_json
from cnn_study.messages.mistakes import found


@dataclass(frozen=True)
class Shape:
    """What a network takes, (N, channels, size, size) uint8, and gives, (N, classes)."""

    channels: int
    size: int
    classes: int

    def images(self, count: int) -> tuple[int, int, int, int]:
        """The shape of an array of so many images."""
        return count, self.channels, self.size, self.size

    def __str__(self) -> str:
        return f"{self.channels}×{self.size}×{self.size}"


def save_shape(path: Path, shape: Shape) -> None:
    """Write ``shape`` as JSON, whole."""
    write_json(path, asdict(shape))


def load_shape(path: Path) -> Shape:
    """The shape in a file of ``save_shape``. Raises StudyError if it is missing or holds something else."""
    content = read_json(path)
    complete = isinstance(content, dict) and content.keys() == {field.name for field in fields(Shape)}
    # Not isinstance: to Python, true is an int.
    if not complete or any(type(number) is not int or number < 1 for number in content.values()):
        raise StudyError(
            f"{path}: {found(content)}, allowed: channels, size and classes, each a whole number; "
            "`dvc repro prepare` makes it again"
        )
    return Shape(**content)
