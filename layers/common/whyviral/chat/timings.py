"""The times of an answer that is being written."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Timings:
    """How long an answer may take, and how often it is saved."""

    max_stream_s: float = 120.0
    """From the question to the last piece of a streamed answer."""
    max_wait_s: float = 24.0
    """The same for an answer that is not streamed: API Gateway ends a call after 29 s."""
    save_interval_s: float = 0.25
    """Between two writes of new pieces of an answer."""
    max_writes_per_second: float = 80.0
    """For all answers of a process together: with more than 20 of them, each is saved less often."""
    lease: timedelta = timedelta(seconds=20)
    """How long an answer belongs to its process without a sign of life."""
    renew_s: float = 5.0
    """How often the lease is renewed while the model writes nothing."""
    unwatched_s: float = 30.0
    """How long an answer goes on that no client reads."""
    poll_s: float = 0.4
    """How often a reader in another process looks for new pieces."""
    report_watching_s: float = 10.0
    """How often such a reader reports that it is there."""
