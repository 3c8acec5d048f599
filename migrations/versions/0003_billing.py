"""Tables of billing.

Revision ID: 0003_billing
Revises: 0002_chat_and_notes
Create Date: 2026-11-28
"""

from pathlib import Path

from alembic import op

revision = "0003_billing"
down_revision = "0002_chat_and_notes"
branch_labels = None
depends_on = None

_SQL = Path(__file__).with_suffix("")


def upgrade() -> None:
    _run("tables")


def downgrade() -> None:
    _run("down")


def _run(part: str) -> None:
    op.execute((_SQL / f"{part}.sql").read_text().rstrip().removesuffix(";"))
