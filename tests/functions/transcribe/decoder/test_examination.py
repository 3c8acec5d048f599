import io
import socket
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import av
import numpy as np
import pytest

from functions.transcribe.decoder.audio import SAMPLE_RATE, extract_sound, read_samples
from functions.transcribe.decoder.container import UnreadableMedia, open_media
from functions.transcribe.decoder.examination import AUDIO, THUMBNAIL, Examined, examine, frame_name
from tests.fixtures.media_files import SOUND_RATE, silence, tone, write_media


def _examine(path: Path, folder: Path) -> Examined:
    return examine(path, folder, watch_budget_s=30, pictures_budget_s=30)


def _size_of(picture: Path) -> tuple[int, int]:
    with av.open(str(picture)) as file:
        return file.streams.video[0].width, file.streams.video[0].height


def test_a_video_is_measured_and_its_pictures_and_sound_are_written(clip: Path, tmp_path: Path) -> None:
    examined = _examine(clip, tmp_path)

    measured = examined.measurements
    assert measured == {
        "duration_s": pytest.approx(6.0, abs=0.05),
        "width": 180,
        "height": 320,
        "fps": 30.0,
        "cut_count": 3,
        "cuts_per_minute": pytest.approx(30.0, abs=0.1),
        "first_cut_s": 1.5,
        "loudness_lufs": pytest.approx(-20.7, abs=0.3),
        "hook_loudness_lufs": pytest.approx(-20.7, abs=0.3),
        "silence_share": pytest.approx(1 / 3, abs=0.03),
    }
    assert examined.frames_at_s == pytest.approx((0.375, 0.75, 1.5, 2.25, 3.0, 3.75, 4.5, 5.25), abs=1 / 30)
    assert examined.timeline.cuts_s == (1.5, 3.0, 4.5)
    assert examined.timeline.watched_s == pytest.approx(6.0, abs=0.05)
    assert examined.timeline.level_step_s == 0.1
    assert len(examined.timeline.levels_dbfs or ()) == pytest.approx(60, abs=1)
    assert examined.model_dump(exclude={"measurements", "frames_at_s", "timeline"}) == {
        "has_thumbnail": True,
        "has_audio": True,
        "is_audio_truncated": False,
        "problem": None,
        "refusal": None,
    }
    assert read_samples(tmp_path / AUDIO).size == pytest.approx(6 * SAMPLE_RATE, rel=0.02)
    assert {_size_of(tmp_path / frame_name(number)) for number in range(8)} == {(180, 320)}


def test_stored_pictures_are_small_in_pixels_and_bytes(tmp_path: Path) -> None:
    path = write_media(tmp_path / "large.mp4", scenes=[0.2], size=(1080, 1920), fps=10)

    _examine(path, tmp_path)

    assert _size_of(tmp_path / frame_name(0)) == (432, 768)
    assert _size_of(tmp_path / THUMBNAIL) == (270, 480)
    assert (tmp_path / THUMBNAIL).stat().st_size < 40_000


def test_the_thumbnail_of_a_video_that_begins_in_black_is_not_black(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", scenes=[1.0, 1.0])
    _examine(path, tmp_path)
    plain = tmp_path / "plain"
    plain.mkdir()
    with av.open(str(plain / "b.mp4"), "w") as file:
        video = file.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        for number in range(40):
            picture = np.full((64, 64, 3), 0, np.uint8)
            picture[:, : 32 if number > 19 else 0] = 255
            file.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(video.encode(None))

    _examine(plain / "b.mp4", plain)

    with av.open(str(plain / THUMBNAIL)) as file:
        brightness = next(file.decode(video=0)).to_ndarray(format="gray")
    assert brightness[:, :20].mean() > 200
    assert brightness[:, 44:].mean() < 50


@pytest.mark.parametrize("seconds", [1.0, 5.0])
def test_loudness_agrees_with_another_implementation_of_the_standard(seconds: float, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    sound = np.concatenate([tone(seconds, level=0.02), (rng.normal(0, 0.1, 4 * SOUND_RATE)).astype(np.float32)])
    path = write_media(tmp_path / "a.wav", sound=sound, codecs=("", "pcm_f32le"))
    stereo = np.stack([sound, sound], axis=1)
    pyloudnorm = import_module("pyloudnorm")  # imported here because it imports SciPy, which is slow
    meter = pyloudnorm.Meter(SOUND_RATE)

    with open_media(path) as container:
        found = extract_sound(container, tmp_path / AUDIO)

    assert found is not None
    assert found.loudness_lufs == pytest.approx(meter.integrated_loudness(stereo), abs=0.1)
    assert found.hook_loudness_lufs == pytest.approx(meter.integrated_loudness(stereo[: 3 * SOUND_RATE]), abs=0.1)


def test_sound_that_starts_late_keeps_its_time(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", sound=np.concatenate([silence(1), tone(1)]), codecs=("", "pcm_s16le"))

    with open_media(path) as container:
        extract_sound(container, tmp_path / AUDIO)

    samples = read_samples(tmp_path / AUDIO)
    first = np.flatnonzero(np.abs(samples) > 0.05)[0] / SAMPLE_RATE
    assert first == pytest.approx(1.0, abs=0.01)


def test_a_video_without_sound_has_no_sound_measurements(tmp_path: Path) -> None:
    examined = _examine(write_media(tmp_path / "a.mp4", scenes=[2.0]), tmp_path)

    assert not examined.has_audio
    assert examined.timeline.as_json() == {"cuts_s": [], "watched_s": 2.0}
    assert examined.measurements.keys() == {"duration_s", "width", "height", "fps", "cut_count", "cuts_per_minute"}
    assert examined.measurements["cut_count"] == 0


def test_sound_without_pictures_has_no_picture_measurements(tmp_path: Path) -> None:
    examined = _examine(write_media(tmp_path / "a.m4a", sound=tone(2)), tmp_path)

    assert (examined.has_audio, examined.has_thumbnail) == (True, False)
    assert examined.timeline.as_json().keys() == {"levels_dbfs", "level_step_s"}
    assert examined.measurements.keys() == {"duration_s", "loudness_lufs", "hook_loudness_lufs", "silence_share"}


def test_a_partly_decoded_video_has_no_cut_count(clip: Path, tmp_path: Path) -> None:
    examined = examine(clip, tmp_path, watch_budget_s=0, pictures_budget_s=30)

    assert "cut_count" not in examined.measurements
    assert examined.timeline.cuts_s == ()
    assert examined.timeline.watched_s == pytest.approx(1 / 30, abs=0.01)
    assert examined.measurements["duration_s"] == pytest.approx(6.0, abs=0.05)
    assert len(examined.frames_at_s) == 8


def test_the_budget_for_pictures_does_not_affect_the_sound(clip: Path, tmp_path: Path) -> None:
    examined = examine(clip, tmp_path, watch_budget_s=30, pictures_budget_s=0)

    assert examined.frames_at_s == (0.0,)
    assert (examined.has_thumbnail, examined.has_audio, examined.problem) == (True, True, None)
    assert _size_of(tmp_path / THUMBNAIL) == (180, 320)


def test_sound_is_extracted_up_to_the_limit(tmp_path: Path, clip: Path) -> None:
    with open_media(clip) as container:
        sound = extract_sound(container, tmp_path / AUDIO, max_s=2.0)

    assert sound is not None
    assert sound.is_truncated
    assert sound.duration_s == pytest.approx(2.0, abs=0.1)


def test_a_video_with_a_rotation_is_shown_upright(tmp_path: Path) -> None:
    plain = (0x10000).to_bytes(4) + bytes(12) + (0x10000).to_bytes(4) + bytes(12) + (0x40000000).to_bytes(4)
    turned = bytes(4) + (0x10000).to_bytes(4) + bytes(4) + (0xFFFF0000).to_bytes(4) + bytes(16) + plain[-4:]
    path = write_media(tmp_path / "a.mp4", scenes=[0.5], size=(320, 180))
    content = path.read_bytes()
    track = content.index(b"tkhd")
    at = content.index(plain, track)
    path.write_bytes(content[:at] + turned + content[at + len(turned) :])

    examined = _examine(path, tmp_path)

    assert (examined.measurements["width"], examined.measurements["height"]) == (180, 320)
    assert _size_of(tmp_path / frame_name(0)) == (180, 320)


def test_a_false_duration_in_a_file_is_ignored(tmp_path: Path, clip: Path) -> None:
    path = tmp_path / "long.mp4"
    content = clip.read_bytes()
    at = content.index(b"mvhd") + 4 + 4 + 4 + 4  # after version and flags, creation time and modification time
    path.write_bytes(content[: at + 4] + (3_600_000).to_bytes(4) + content[at + 8 :])

    examined = _examine(path, tmp_path)

    assert examined.measurements["duration_s"] == pytest.approx(6.0, abs=0.05)


def test_the_part_before_damage_is_decoded(tmp_path: Path, clip: Path) -> None:
    path = tmp_path / "cut.mkv"
    whole = write_media(tmp_path / "whole.mkv", scenes=[1.0, 1.0], sound=tone(2)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])

    examined = _examine(path, tmp_path)

    assert examined.has_audio
    assert 0.3 < examined.measurements["duration_s"] <= 2.1


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(3).bytes(50_000))


def _playlist(path: Path) -> None:
    other = path.parent / "other.ts"
    write_media(path.parent / "other.mp4", scenes=[0.2]).rename(other)
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{other}\n#EXT-X-ENDLIST\n")


def _script(path: Path) -> None:
    write_media(path.parent / "other.mp4", scenes=[0.2])
    path.write_text("ffconcat version 1.0\nfile other.mp4\n")


def _picture(path: Path) -> None:
    source = write_media(path.parent / "source.mp4", scenes=[0.2])
    _examine(source, path.parent)
    (path.parent / THUMBNAIL).rename(path)


def _page(path: Path) -> None:
    path.write_text("<html><body>Sign in to see this video</body></html>")


def _header_only(path: Path) -> None:
    whole = write_media(path.parent / "whole.mp4", scenes=[0.5], sound=tone(0.5)).read_bytes()
    path.write_bytes(whole[: whole.index(b"mdat")])


def _encrypted(path: Path) -> None:
    """An encrypted video, as its sample entry says."""
    whole = write_media(path.parent / "whole.mp4", scenes=[0.5]).read_bytes()
    assert b"avc1" in whole
    path.write_bytes(whole.replace(b"avc1", b"encv"))


def _huge_pictures(path: Path) -> None:
    """A video of a kilobyte whose header declares 268 million pixels."""
    small = write_media(path.parent / "small.webm", scenes=[0.2], codecs=("libvpx", ""), size=(320, 320))
    start_code, edge, claimed = b"\x9d\x01\x2a", b"\x40\x01", b"\xff\x3f"  # 320 and 16383
    assert start_code + 2 * edge in small.read_bytes()
    path.write_bytes(small.read_bytes().replace(start_code + 2 * edge, start_code + 2 * claimed))


@pytest.mark.parametrize(
    "spoil", [_empty, _noise, _playlist, _script, _picture, _page, _header_only, _encrypted, _huge_pictures]
)
def test_a_file_that_is_not_a_video_is_refused_in_plain_words(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "file.mp4"
    spoil(path)

    with pytest.raises(UnreadableMedia, match=r"^The (file|sound|video|resolution) [a-z ,]+\.$"):
        _examine(path, tmp_path)


def _as_playlist(url: str) -> bytes:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}/a.ts\n#EXT-X-ENDLIST\n".encode()


def _as_script(url: str) -> bytes:
    return f"ffconcat version 1.0\nfile {url}/a.mp4\n".encode()


def _as_manifest(url: str) -> bytes:
    """A DASH manifest. PyAV's FFmpeg has no libxml2 and does not open it; other builds fetch the URLs it names."""
    schema = 'xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"'
    representation = f'<Representation id="1"><BaseURL>{url}/a.mp4</BaseURL></Representation>'
    adaptation = f'<AdaptationSet mimeType="video/mp4">{representation}</AdaptationSet>'
    return f'<?xml version="1.0"?><MPD {schema}><Period>{adaptation}</Period></MPD>'.encode()


def _as_reference(url: str) -> bytes:
    """A movie whose data reference points to another file, which some players would fetch."""
    file = io.BytesIO()
    with av.open(file, "w", format="mov") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    content = file.getvalue()
    inside = b"url \x00\x00\x00\x01"
    at = content.index(inside)
    elsewhere = b"url \x00\x00\x00\x00" + url.encode() + b"/a.mov\0"
    grown = len(elsewhere) - len(inside)
    content = content[:at] + elsewhere + content[at + len(inside) :]
    for box, length_at in ((b"url ", at - 4), *((name, content.index(name) - 4) for name in _AROUND_A_REFERENCE)):
        assert content[length_at + 4 : length_at + 8] == box
        length = int.from_bytes(content[length_at : length_at + 4]) + grown
        content = content[:length_at] + length.to_bytes(4) + content[length_at + 4 :]
    return content


_AROUND_A_REFERENCE = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")


@pytest.mark.parametrize("write", [_as_playlist, _as_script, _as_manifest, _as_reference])
@pytest.mark.parametrize("name", ["file.mp4", "file.m3u8"])
def test_no_reference_in_a_file_opens_a_url(write: Callable[[str], bytes], name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        path.write_bytes(write(f"http://127.0.0.1:{listener.getsockname()[1]}"))

        with suppress(UnreadableMedia):  # the movie itself may be readable
            _examine(path, tmp_path)

        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("write", [_as_playlist, _as_script, _as_reference])
def test_no_reference_in_a_file_opens_another_local_file(write: Callable[[str], bytes], tmp_path: Path) -> None:
    other = tmp_path / "a.mp4"
    write_media(other, scenes=[0.5])
    for suffix in ("ts", "mov"):
        (tmp_path / f"a.{suffix}").write_bytes(other.read_bytes())
    path = tmp_path / "file.mp4"
    path.write_bytes(write(f"file://{tmp_path}"))

    try:
        examined = _examine(path, tmp_path)
    except UnreadableMedia:
        return

    assert examined.measurements["height"] == 32
