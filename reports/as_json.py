"""Any answer as JSON: fields by name, verdicts as words, money as numbers."""

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel


def dumps(answer: Any) -> str:
    return json.dumps(_plain(answer), indent=2, ensure_ascii=False)


def _number(value: Decimal) -> float:
    """Four decimals; of less than a dollar four figures."""
    return float(round(value, 4)) if abs(value) >= 1 else float(f"{value:.4g}")


def _plain(value: Any) -> Any:
    match value:
        case BaseModel():
            return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case Decimal():
            return int(value) if value == value.to_integral_value() else _number(value)
        case datetime():
            return value.isoformat()
        case Path():
            return str(value)
        case _:
            return value
