"""The published schema of a settings file, with a validator that is built once: to check the schema takes longer."""

from __future__ import annotations

import functools
from typing import Any

import jsonschema

from doorward.config.schema import json_schema


@functools.cache
def _validator() -> jsonschema.Draft202012Validator:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def validate(value: dict[str, Any]) -> None:
    """Check the content of a file.

    Raises:
        jsonschema.ValidationError: the schema refuses it.
    """
    _validator().validate(value)
