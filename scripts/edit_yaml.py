"""params.yaml and dvc.lock changed in place: comments, quotes and line breaks stay."""

import io
from typing import Any

from ruamel.yaml import YAML


def for_edits(*, lists_indented: bool = True) -> YAML:
    """What reads a file so that ``dumped`` writes it as it was; ``lists_indented``: as params.yaml has them."""
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 1000
    if lists_indented:
        yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def dumped(yaml: YAML, content: Any) -> bytes:
    """The file's content."""
    buffer = io.BytesIO()
    yaml.dump(content, buffer)
    return buffer.getvalue()
