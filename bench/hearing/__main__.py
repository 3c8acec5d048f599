"""`make hearing`: word error rate and lost words of a corpus, plain against batched, as a Markdown table.

Each clip is heard plain and batched, in turn, and by both once more where a voice has no words, as the worker does it.
Times are ratios within this run, for the machine may be shared. Results are kept per clip, so that a run can go on.
"""

import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

from bench.hearing import voices
from bench.hearing.clips import Clip, of_lists, of_sentences, of_synthetic_sentences
from bench.hearing.words import errors
from functions.transcribe.decoder.audio import Samples, extract_sound, read_samples
from functions.transcribe.decoder.container import open_media
from functions.transcribe.model_files import find_model_files
from functions.transcribe.whisper import WhisperListener
from local.stack.whisper_models import local_model

if TYPE_CHECKING:
    from faster_whisper.transcribe import Segment, TranscriptionInfo

_RESULTS = Path(__file__).parents[1] / "results" / "hearing.jsonl"
WAYS = ("plain", "plain and again", "batched", "batched and again")
_NOTICEABLE = 3
"""Lost words of a clip that a flag should have told of."""

type Result = dict[str, Any]


class Batched(WhisperListener):
    """The worker's listener, which keeps what its first pass said and how long that took."""

    first_text = ""
    first_s = 0.0

    @override
    def first_pass(self, samples: Samples) -> "tuple[list[Segment], TranscriptionInfo]":
        started = time.perf_counter()
        chunks, info = self.recognise(samples)
        heard = list(chunks)
        self.first_s = time.perf_counter() - started
        self.first_text = " ".join(chunk.text for chunk in heard)
        return heard, info

    def recognise(self, samples: Samples) -> "tuple[Iterable[Segment], TranscriptionInfo]":
        """Recognise everything once."""
        return super().first_pass(samples)


class Plain(Batched):
    """One window after the other, with the fallback temperatures of Whisper."""

    @override
    def recognise(self, samples: Samples) -> "tuple[Iterable[Segment], TranscriptionInfo]":
        chunks, info = self._model.transcribe(
            samples,
            beam_size=5,
            word_timestamps=True,
            vad_filter=True,
            vad_parameters={"min_speech_duration_ms": 250, "min_silence_duration_ms": 160},
            condition_on_previous_text=False,
        )
        return chunks, info


@cache
def _listeners(model: str) -> Mapping[str, Batched]:
    weights = local_model("base") if model == "base" else find_model_files(None)
    return {"plain": Plain(weights, device="cpu"), "batched": Batched(weights, device="cpu")}


def corpus(*, has_debian: bool) -> Iterator[Clip]:
    """Yield all clips; without Debian's packages those of the voice in the checkout."""
    yield from of_sentences(voices.librivox())
    if has_debian:
        for voice in voices.telephone():
            yield from of_lists(voice)
        for voice in voices.synthetic():
            yield from of_synthetic_sentences(voice)


def shuffled(clips: Iterable[Clip]) -> list[Clip]:
    """Return clips in an order of chance that is always the same, so that a part of them is a fair one."""
    return random.Random(1).sample(ordered := list(clips), len(ordered))  # noqa: S311 - no secret


def hear(clip: Clip, *, passes: Collection[str] = ("plain", "batched")) -> Result:
    """Encode a clip, decode it as the worker does, and listen with these first passes."""
    with tempfile.TemporaryDirectory() as folder, open_media(clip.write(Path(folder))) as container:
        extract_sound(container, Path(folder) / "audio.f32")
        samples = read_samples(Path(folder) / "audio.f32")
    model = "tiny.en" if clip.voice.language == "en" else "base"
    result: Result = {
        "kind": clip.kind,
        "name": clip.name,
        "voice": clip.voice.name,
        "language": clip.voice.language,
        "is_synthetic": clip.voice.is_synthetic,
        "model": model,
        "said": clip.words,
        "ways": {},
    }
    for way in passes:
        listener = _listeners(model)[way]
        started = time.perf_counter()
        heard = listener.listen(samples, should_stop=lambda: False)
        seconds = time.perf_counter() - started
        is_heard = heard.voice_s > 0
        texts = {way: (listener.first_text if is_heard else "", listener.first_s if is_heard else seconds, False)}
        texts[f"{way} and again"] = (heard.transcript.text, seconds, heard.transcript.is_truncated)
        for name, (text, took_s, is_flagged) in texts.items():
            words, wrong, lost = errors(clip.words, text)
            result["ways"][name] = {
                "text": text, "words": words, "wrong": wrong, "lost": lost, "s": took_s, "is_flagged": is_flagged
            }  # fmt: skip
    return result


def table(results: Iterable[Result]) -> str:
    """Return word error rate and lost words by kind and model as a table of Markdown."""
    groups: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in sorted(results, key=lambda one: (one["model"], one["is_synthetic"], one["kind"])):
        origin = "synthetic " if result["is_synthetic"] else ""
        groups[f"{origin}{result['kind']}", result["model"]].append(result)
        groups["all", result["model"]].append(result)
    ways = [way for way in WAYS if all(way in one["ways"] for group in groups.values() for one in group)]
    head = ["clips", "model", "number", "words", *ways, "lost, not flagged"]
    lines = [_row(head), _row(["---"] * len(head))]
    for (kind, model), group in sorted(groups.items(), key=lambda item: (item[0][1], item[0][0] == "all")):
        cells = [_share([one["ways"][way] for one in group]) for way in ways]
        words = sum(one["ways"][ways[-1]]["words"] for one in group)
        last = [one["ways"][ways[-1]] for one in group]
        unflagged = sum(one["lost"] >= _NOTICEABLE and not one["is_flagged"] for one in last)
        lines.append(_row([kind, model, len(group), words, *cells, unflagged]))
    return "\n".join(lines)


def _share(heard: Collection[Result]) -> str:
    words, wrong, lost = (sum(one[key] for one in heard) for key in ("words", "wrong", "lost"))
    return f"{100 * wrong / words:.1f} %, {lost}"


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def times(results: Iterable[Result]) -> str:
    """Return how long each way took, plain being 1."""
    spent = {way: sum(one["ways"][way]["s"] for one in results) for way in WAYS}
    return ", ".join(f"{way} {seconds / spent[WAYS[0]]:.2f}" for way, seconds in spent.items())


def main(arguments: list[str]) -> None:
    """Hear the corpus, or every Nth clip of it, and print the table; what was heard before is kept."""
    step = int(arguments[0]) if arguments else 1
    voices.download()
    _RESULTS.parent.mkdir(exist_ok=True)
    results = [json.loads(line) for line in _RESULTS.read_text().splitlines()] if _RESULTS.exists() else []
    known = {(one["kind"], one["name"], one["voice"], one["said"]) for one in results}
    with _RESULTS.open("a") as file:
        for clip in shuffled(corpus(has_debian=True))[::step]:
            if (clip.kind, clip.name, clip.voice.name, clip.words) not in known:
                results.append(hear(clip))
                file.write(json.dumps(results[-1], ensure_ascii=False) + "\n")
                file.flush()
    heard = {one["voice"] for one in results}
    real = {one["voice"] for one in results if not one["is_synthetic"]}
    print(f"{len(results)} clips, {len(heard)} voices ({len(real)} of people)\n\n{table(results)}\n\n{times(results)}")


if __name__ == "__main__":
    main(sys.argv[1:])
