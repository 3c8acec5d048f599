"""Tables of chat and notes.

Revision ID: 0002_chat_and_notes
Revises: 0001_initial
Create Date: 2026-11-28
"""

from pathlib import Path

from alembic import op

revision = "0002_chat_and_notes"
down_revision = "0001_initial"
branch_labels = None
depends_on = None

_SQL = Path(__file__).with_suffix("")


def upgrade() -> None:
    for part in ("chat", "notes", "deletion"):
        _run(part)


def downgrade() -> None:
    for part in ("deletion_down", "notes_down", "chat_down"):
        _run(part)


def _run(part: str) -> None:
    op.execute((_SQL / f"{part}.sql").read_text().rstrip().removesuffix(";"))
