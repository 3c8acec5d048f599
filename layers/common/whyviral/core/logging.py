"""JSON logs: ids, counts and durations, never content, tokens or addresses."""

from aws_lambda_powertools import Logger


def build_logger(service: str, *, debug: bool = False) -> Logger:
    """Return the logger of one deployable; fields are given as `extra` and appear as JSON keys."""
    return Logger(service=service, level="DEBUG" if debug else "INFO", log_uncaught_exceptions=False, utc=True)
