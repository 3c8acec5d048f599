"""Tables of chat and notes.

Revision ID: 0002_chat_and_notes
Revises: 0001_initial
Create Date: 2026-11-28
"""

revision = "0002_chat_and_notes"
down_revision = "0001_initial"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
