"""A handler without settings: its import raises."""

raise LookupError("CLERK_SECRET_KEY is not set")
