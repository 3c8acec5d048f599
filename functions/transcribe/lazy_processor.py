"""The media processor of a worker process, built after the first heartbeat, because its imports take seconds."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from functions.transcribe.decoder.hardening import end_descendants
from whyviral.core.settings import SettingsError

from .deadline import Deadline
from .job_runner import Job
from .settings import WorkerSettings

if TYPE_CHECKING:
    from .media_processor import MediaProcessor


class LazyProcessor:
    """Processes the jobs of one process. The first job builds the processor, which loads Whisper's weights on demand.

    The process must have called `adopt_descendants`, and have no children but those that decode.
    """

    def __init__(self, settings: WorkerSettings | SettingsError, *, logger: Logger) -> None:
        """Args `settings`: an error is raised by each job, so that it is reported to Step Functions."""
        self._settings = settings
        self._logger = logger

    @cached_property
    def _processor(self) -> "MediaProcessor":
        from .wiring import build_processor  # noqa: PLC0415

        if isinstance(self._settings, SettingsError):
            raise self._settings
        return build_processor(self._settings, logger=self._logger, after_file=end_descendants)

    def __call__(self, job: Job, deadline: Deadline) -> str:
        """Process the media of a job and return its outcome."""
        return self._processor.process(job, deadline)


def loaded(load: Callable[[], WorkerSettings]) -> WorkerSettings | SettingsError:
    """Return the settings of the worker, or the error that names what is wrong with them."""
    try:
        return load()
    except SettingsError as exc:
        return exc
