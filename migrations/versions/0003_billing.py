"""Tables of billing.

Revision ID: 0003_billing
Revises: 0002_chat_and_notes
Create Date: 2026-11-28
"""

revision = "0003_billing"
down_revision = "0002_chat_and_notes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
