"""Chat completions, whole and in chunks, read leniently. Source: docs.vllm.ai, "OpenAI-Compatible Server"."""

from whyviral.integrations.http.vendor_model import Lenient, VendorModel
from whyviral.integrations.language_models.fields import ModelName, Tokens
from whyviral.integrations.language_models.prices import Usage
from whyviral.integrations.ports.chat_model import Finish

_FINISHES = {"stop": Finish.STOP, "length": Finish.LENGTH, "content_filter": Finish.REFUSED}


class TokenUsage(VendorModel):
    """Tokens as the server counts them."""

    prompt_tokens: Lenient[Tokens] = None
    completion_tokens: Lenient[Tokens] = None


class Text(VendorModel):
    """A message, or the next piece of one; reasoning is in other fields."""

    content: Lenient[str] = None
    refusal: Lenient[str] = None


class Choice(VendorModel):
    """An answer; we ask for one."""

    message: Lenient[Text] = None
    delta: Lenient[Text] = None
    finish_reason: Lenient[str] = None

    @property
    def text(self) -> Text:
        """Return the message, or its next piece."""
        return self.message or self.delta or Text()

    @property
    def finish(self) -> Finish | None:
        """Return why the model stopped; None: it has not said so."""
        if self.text.refusal:
            return Finish.REFUSED
        return None if self.finish_reason is None else _FINISHES.get(self.finish_reason, Finish.OTHER)


class Completion(VendorModel):
    """A whole answer, or one chunk of it; the chunk with the usage has no choices."""

    model: Lenient[ModelName] = None
    choices: Lenient[list[Lenient[Choice]]] = None
    usage: Lenient[TokenUsage] = None

    @property
    def choice(self) -> Choice:
        """Return the answer; an empty one where there is none."""
        return (self.choices[0] if self.choices else None) or Choice()

    def as_usage(self) -> Usage | None:
        """Return the counts, where there are any."""
        return Usage(self.usage.prompt_tokens, self.usage.completion_tokens) if self.usage else None
