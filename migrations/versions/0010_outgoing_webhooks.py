"""Outgoing webhooks: the receivers of users, and the deliveries to them.

Revision ID: 0010_outgoing_webhooks
Revises: 0009_trace_ids
Create Date: 2026-11-28
"""

from pathlib import Path

from alembic import op

revision = "0010_outgoing_webhooks"
down_revision = "0009_trace_ids"
branch_labels = None
depends_on = None

_SQL = Path(__file__).with_suffix("")


def upgrade() -> None:
    _run("up")


def downgrade() -> None:
    _run("down")


def _run(part: str) -> None:
    op.execute((_SQL / f"{part}.sql").read_text().rstrip().removesuffix(";"))
