"""Baselines of creators.

Revision ID: 0004_facts_first
Revises: 0003_billing
Create Date: 2026-11-28
"""

revision = "0004_facts_first"
down_revision = "0003_billing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
