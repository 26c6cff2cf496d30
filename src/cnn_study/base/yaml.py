"""params.yaml and other YAML, read as DVC reads it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from cnn_study.base.errors import StudyError
from cnn_study.messages.mistakes import found, nearest

PARAMS = Path("params.yaml")


def read_yaml(path: Path = PARAMS) -> dict[str, Any]:
    """The mapping in ``path``, read as DVC reads it (ruamel.yaml, YAML 1.2, duplicate keys refused).

    Raises StudyError if the file is missing, is not YAML or holds something else.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"{path}: not found, allowed: a run in the project's own folder") from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: found byte {error.start} that is not UTF-8 text") from None
    except (YAMLError, ValueError) as error:
        reason = str(error).split("To suppress this check")[0]
        raise StudyError(f"{path}: found no valid YAML: {' '.join(reason.split())}") from None
    if not isinstance(content, dict):
        raise StudyError(f"{path}: {found(content)}, allowed: a mapping of sections")
    return content


def section(content: Mapping[str, Any], *keys: str) -> Any:
    """The value under ``keys``. Raises StudyError that names the first missing one."""
    value: Any = content
    for depth, key in enumerate(keys):
        if not isinstance(value, Mapping) or key not in value:
            known = [str(k) for k in value] if isinstance(value, Mapping) else []
            raise StudyError(
                f"{PARAMS}: {'.'.join(keys[: depth + 1])}: not found, allowed here: "
                f"{', '.join(known) or 'a mapping'}{nearest(key, known)}"
            )
        value = value[key]
    return value
