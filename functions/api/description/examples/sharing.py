"""Examples of shared reports: the public part of Ada's analysis."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from whyviral.analysis.sharing import schemas

from .analyses import ANALYSIS, POST_OF_REQUEST, SUMMARY
from .posts import POST


def _public(model: type[BaseModel], example: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of another example that a model of the shared report shows."""
    return {name: example[name] for name in model.model_fields if name in example}


_MEDIUM = _public(schemas.SharedMediaOut, POST["media"][0])
_SOURCE = _public(schemas.SharedSourceOut, POST) | {"media": [_MEDIUM]}
_MEASURED = _public(schemas.SharedMeasurementsOut, POST_OF_REQUEST["measured"])
_EXPLANATION = _public(schemas.SharedExplanationOut, ANALYSIS["analysis_data"] | {"gaps": [], "stand_ins": []})
_POST = {
    "url": POST["url"],
    "post": _SOURCE,
    "measured": _MEASURED,
    "explanation": _EXPLANATION,
    "error": None,
}

EXAMPLES: Mapping[type, Mapping[str, Any]] = {
    schemas.ShareLinkOut: {"url": "https://api.example.com/console/shared#k3Jt0v9Q2m7xW1bYc5uZrLhPnEoAsDfGiKlMqTvXyZ8"},
    schemas.SharedMediaOut: _MEDIUM,
    schemas.SharedSourceOut: _SOURCE,
    schemas.SharedMeasurementsOut: _MEASURED,
    schemas.SharedExplanationOut: _EXPLANATION,
    schemas.SharedPostOut: _POST,
    schemas.SharedReport: _public(schemas.SharedReport, SUMMARY) | {"posts": [_POST]},
}
