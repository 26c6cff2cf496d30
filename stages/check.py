"""Check params.yaml as a whole, before any stage does any work. Says every mistake at once; writes nothing."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from cnn_study.base.errors import StudyError
from cnn_study.base.schema import as_error
from cnn_study.base.yaml import PARAMS, read_yaml
from cnn_study.evaluation.settings import too_many
from cnn_study.messages.mistakes import dotted
from cnn_study.params.study import Params, validate
from cnn_study.sources.datasets import FOLDER


def main() -> None:
    checked_params()


def checked_params() -> Params:
    """All of params.yaml. Raises StudyError with a line for every mistake, what this machine lacks among them."""
    refuse_what_dvc_refuses()
    content = read_yaml()
    params, mistakes = None, []
    try:
        params = validate(content)
        ask_no_more_than_a_folder_has(params)
    except StudyError as error:
        mistakes = str(error).splitlines()
    wanted = list(asks_for_cuda(content))
    if wanted and not has_cuda():
        mistakes += [f"{PARAMS}: {key}: found 'cuda', allowed here: cpu or auto (no GPU found)" for key in wanted]
    if mistakes or params is None:
        raise StudyError("\n".join(mistakes))
    return params


def refuse_what_dvc_refuses(path: Path = PARAMS) -> None:
    """Raise StudyError if the file is no YAML to DVC, whose libyaml takes no anchor that stands twice.

    Called before ``read_yaml``, which warns of such an anchor, and refuses a file that is missing or no text.
    """
    with contextlib.suppress(OSError, UnicodeDecodeError):
        try:
            YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        except (YAMLError, ValueError) as error:
            reason = str(error).split("To suppress this check")[0]
            raise StudyError(f"{path}: found no valid YAML: {' '.join(reason.split())}") from None


def ask_no_more_than_a_folder_has(params: Params) -> None:
    """Raise StudyError if ``evaluate`` asks for test images that a folder of pictures does not have.

    Says nothing of a folder that is not here, or is wrong: `download` does, if it is to be read at all.
    """
    if params.data.dataset != FOLDER or not Path(params.data.folder).is_dir():
        return
    try:
        count = params.data.sizes.test
    except StudyError:
        return
    if mistakes := list(too_many(params.evaluate.images, params.evaluate.shown_images, count)):
        raise as_error(mistakes)


def asks_for_cuda(content: Mapping[str, Any]) -> Iterator[str]:
    """The keys under which params.yaml asks for a GPU."""
    entries = content.get("architectures")
    named = list(entries) if isinstance(entries, Mapping) else []
    places: list[tuple[str, ...]] = [("training",), ("replay", "runs")]
    places += [("architectures", name, "training") for name in named]
    for place in places:
        keys = (*place, "recipe", "device")
        if _at(content, keys) == "cuda":
            yield dotted(keys)


def _at(content: Any, keys: tuple[str, ...]) -> Any:
    """The value under ``keys``; None if it is not there."""
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    return content


def has_cuda() -> bool:
    """Whether there is a GPU. Asked only when needed, since torch takes seconds to load."""
    import torch

    return torch.cuda.is_available()


if __name__ == "__main__":
    main()
