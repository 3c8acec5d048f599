"""Builds the worker from its settings; imported after the first heartbeat, because it takes seconds to import."""

import shutil
from collections.abc import Callable

from aws_lambda_powertools import Logger

from functions.transcribe.decoder.isolated_decoder import decode
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine
from whyviral.core.settings import revealed
from whyviral.integrations.supabase.storage import SupabaseMediaStore
from whyviral.integrations.youtube.audio import YouTubeAudio
from whyviral.social.media.lost_files import LostFileStore
from whyviral.vendor_calls.calls import CallCollector

from .media_processor import MediaProcessor
from .medium_reader import MediumReader
from .model_files import find_model_files
from .settings import WorkerSettings
from .whisper import WhisperListener


def build_processor(
    settings: WorkerSettings, *, logger: Logger, after_file: Callable[[], object] = lambda: None
) -> MediaProcessor:
    """Build the processor of a worker.

    Args:
        settings: of the worker.
        logger: for its log.
        after_file: called when a file has been read. The worker kills its descendants then; a process with other
            children must not.

    Raises:
        SettingsError: no weights of Whisper are installed.
    """
    listener = WhisperListener(find_model_files(settings.whisper_model), device=settings.whisper_device)
    proxy_url = revealed(settings.youtube_proxy_url)
    deno_path = shutil.which("deno")  # installed with yt-dlp; without it some of YouTube's files are missing

    engine = build_engine(settings.supabase_db_url.get_secret_value(), pool_size=settings.db_pool_size)

    def build_reader(*, calls: CallCollector) -> MediumReader:
        store = SupabaseMediaStore(
            settings.supabase_url,
            settings.supabase_secret_key.get_secret_value(),
            links_to=settings.media_base_url,
            calls=calls,
            clock=utc_now,
        )
        return MediumReader(
            store=LostFileStore(store, engine),
            audio_source=YouTubeAudio(calls=calls, clock=utc_now, proxy_url=proxy_url, deno_path=deno_path),
            listener=listener,
            examine=decode,
            after_file=after_file,
        )

    return MediaProcessor(engine, build_reader=build_reader, clock=utc_now, logger=logger)
