"""The collaborators that write answers: the chat model, its ledger and the database."""

from sqlalchemy import Engine

from whyviral.core.clock import utc_now
from whyviral.integrations.model_choice.factory import build_chat_model
from whyviral.integrations.model_choice.settings import ModelSettings
from whyviral.integrations.ports.chat_model import ChatModel
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.ledger import Ledger
from whyviral.vendor_calls.settings import SpendingSettings

from .admission import AdmittedQuestion
from .answers import Answers
from .message_budget import STEP
from .transactions import Transactions


class ChatSettings(SpendingSettings, ModelSettings):
    """Base class for the settings of deployables that answer questions."""


def build_answers(settings: ChatSettings, engine: Engine, transactions: Transactions) -> Answers:
    """Return what writes answers in this process."""

    def open_ledger(question: AdmittedQuestion) -> CallCollector:
        return Ledger(
            engine,
            question.budget,
            STEP,
            post_id=question.post_id,
            limits=settings.spend_limits,
            clock=utc_now,
        )

    def build_model(calls: CallCollector) -> ChatModel:
        return build_chat_model(settings, calls=calls, prices=settings.price_table)

    return Answers(transactions, build_model=build_model, open_ledger=open_ledger, clock=utc_now)
