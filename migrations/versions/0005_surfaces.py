"""Share links, outgoing webhooks and followed suggestions.

Revision ID: 0005_surfaces
Revises: 0004_facts_first
Create Date: 2026-11-28
"""

revision = "0005_surfaces"
down_revision = "0004_facts_first"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
