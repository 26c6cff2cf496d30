"""Write params.schema.json, by which editors complete and check params.yaml.

It is what the models say of each key; what has to hold between keys, `make check` says alone.

python -m scripts.make_schema
"""

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

import stages  # noqa: F401  (puts src/ on the path)
from cnn_study.base.files import write_whole
from cnn_study.params.study import Params

PATH = Path("params.schema.json")


class Plain(GenerateJsonSchema):
    """Without what says nothing to the reader, and with no names but those that a pattern allows."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never: a title would repeat the key."""
        del schema
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """With the default, unless it stands for a key that is not there."""
        without = self.generate_inner(schema["schema"])
        return without if schema.get("default") is None else super().default_schema(schema)

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """With no others than those of the pattern."""
        return super().dict_schema(schema) | {"additionalProperties": False}


def text() -> str:
    """What the file has to hold."""
    schema = Params.model_json_schema(schema_generator=Plain)
    whole = {"$schema": Plain.schema_dialect, **schema, "title": "params.yaml"}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    write_whole(PATH, text().encode())


if __name__ == "__main__":
    main()
