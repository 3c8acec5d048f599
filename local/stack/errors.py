"""The error that every part of the local stack reports to the person who started it."""


class StackError(RuntimeError):
    """The stack cannot start or has failed; the message says why and what to do."""
