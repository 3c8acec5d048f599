"""JSON logs: ids, counts and durations, never content, tokens or addresses."""

from aws_lambda_powertools import Logger


def build_logger(service: str) -> Logger:
    """Return the logger of one deployable; fields are given as `extra` and appear as JSON keys."""
    return Logger(service=service, log_uncaught_exceptions=False, utc=True)
