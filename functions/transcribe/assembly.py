"""Puts the worker together; imported once the heartbeat runs, since all that decodes takes seconds to import."""

import shutil

from aws_lambda_powertools import Logger

from whyviral.core.calls import CallCollector
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine
from whyviral.core.settings import revealed
from whyviral.integrations.supabase_storage import SupabaseMediaStore
from whyviral.integrations.youtube_audio import YouTubeAudio

from .apart import examine_apart
from .processing import MediaProcessor
from .reading import MediumReader
from .settings import WorkerSettings
from .weights import find_weights
from .whisper import WhisperListener


def build_processor(settings: WorkerSettings, *, logger: Logger) -> MediaProcessor:
    """Build it from the settings.

    Raises:
        SettingsError: there are no weights.
    """
    listener = WhisperListener(find_weights(settings.whisper_model), device=settings.whisper_device)
    proxy_url = revealed(settings.youtube_proxy_url)
    deno_path = shutil.which("deno")  # comes with yt-dlp in the image; without it YouTube shows some files fewer

    def build_reader(*, calls: CallCollector) -> MediumReader:
        return MediumReader(
            store=SupabaseMediaStore(
                settings.supabase_url, settings.supabase_secret_key.get_secret_value(), calls=calls, clock=utc_now
            ),
            audio_source=YouTubeAudio(calls=calls, clock=utc_now, proxy_url=proxy_url, deno_path=deno_path),
            listener=listener,
            examine=examine_apart,
        )

    engine = build_engine(settings.supabase_db_url.get_secret_value(), pool_size=settings.db_pool_size)
    return MediaProcessor(engine, build_reader=build_reader, clock=utc_now, logger=logger)
