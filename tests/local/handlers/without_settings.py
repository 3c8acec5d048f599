"""A handler whose settings are missing: it raises while it is imported."""

raise LookupError("CLERK_SECRET_KEY is not set")
