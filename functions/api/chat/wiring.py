"""The collaborators that write answers: the chat model, its ledger and the database."""

from sqlalchemy import Engine

from functions.api.settings import ApiSettings
from whyviral.chat.admission import AdmittedQuestion
from whyviral.chat.answers import Answers
from whyviral.chat.message_budget import STEP
from whyviral.chat.transactions import Transactions
from whyviral.core.clock import utc_now
from whyviral.integrations.model_choice.factory import build_chat_model
from whyviral.integrations.ports.chat_model import ChatModel
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.ledger import Ledger


def build_answers(settings: ApiSettings, engine: Engine, transactions: Transactions) -> Answers:
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
