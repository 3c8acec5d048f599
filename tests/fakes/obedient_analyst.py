"""A model that obeys any instruction: it writes what an injected text orders, in every claim of its answer."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from whyviral.integrations.ports.analyst import AnalystPrompt, AnalystReply, MediaSupport

_LISTS = (
    *("virality_reasoning", "quick_takeaways", "creator_context", "replicable_elements"),
    *("improvements", "suggestions_for_future_posts"),
)
_IDS = re.compile(r"\[([FTM]\d+)\]|\"id\": \"([TPC]\d+)\"")


class ObedientAnalyst:
    """An `Analyst` that was taken over: `payload` is what the injected text orders it to write."""

    def __init__(self, payload: str | Mapping[str, Any]) -> None:
        self._payload = payload
        self.prompts: list[AnalystPrompt] = []

    @property
    def takes(self) -> MediaSupport:
        return MediaSupport(frozenset())

    def answer(self, prompt: AnalystPrompt, *, shape: type[BaseModel]) -> AnalystReply:
        self.prompts.append(prompt)
        answer = self._payload if isinstance(self._payload, Mapping) else self._written(prompt, self._payload, shape)
        return AnalystReply(
            answer=answer,
            provider="gemini",
            model="obedient",
            input_tokens=1,
            output_tokens=1,
            cost_usd=Decimal(0),
            is_stand_in=True,
        )

    def _written(self, prompt: AnalystPrompt, payload: str, shape: type[BaseModel]) -> Mapping[str, Any]:
        text = payload.replace("{prompt}", prompt.system)
        ids = list(dict.fromkeys(one or other for one, other in _IDS.findall(prompt.user)))
        claims = [{"text": text, "kind": kind, "evidence": ids[:12]} for kind in ("measured", "observed", "inference")]
        claims.append({"text": text, "kind": "inference", "evidence": []})
        if "claims" in shape.model_fields:
            return {"claims": [{"number": number, **claims[number % 4]} for number in range(1, 40)]}
        parts = ("hook", "tone", "format", "audience")
        return {
            "is_viral": True,
            "verdict": {"is_viral": True},
            "secret": text,
            **dict.fromkeys(_LISTS, claims),
            "viral_formula": claims[0],
            "content_observation": dict(zip(parts, claims, strict=True)),
        }
