import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyviral.analysis.facts.computation import compute_facts
from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.facts.snapshot import MediumSnapshot, PostSnapshot
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.integrations.ports.transcript import SpokenSegment, SpokenWord, TranscriptSource
from whyviral.social.platforms import Platform

POSTED_AT = datetime(2026, 3, 3, 18, 30, tzinfo=UTC)
MEASURED_AT = POSTED_AT + timedelta(hours=10)


def snapshot(**known: Any) -> PostSnapshot:
    return PostSnapshot(**({"platform": Platform.X, "text": "We let the kite pick the song."} | known))


def facts_of(*, measured_at: datetime = MEASURED_AT, **known: Any) -> Mapping[str, Fact]:
    facts = compute_facts(snapshot(**known), measured_at=measured_at)
    return {fact.name: fact for fact in facts}


def value_of(name: str, **known: Any) -> object:
    return facts_of(**known)[name].value


def test_a_fully_known_post_has_exactly_these_facts() -> None:
    post = PostSnapshot(
        platform=Platform.X,
        text="We let the kite pick the song! It chose @wind 🪁 #Kites https://example.org/a?b#c",
        username="paperkite",
        posted_at=POSTED_AT,
        metrics={"likes": 200, "comments": 10, "views": 10_000, "shares": 40},
        followers=2_000,
        language="en",
        media=(MediumSnapshot(MediaKind.IMAGE), MediumSnapshot(MediaKind.IMAGE)),
    )

    facts = compute_facts(post, measured_at=MEASURED_AT)

    assert [(fact.id, fact.name, fact.value, fact.unit, fact.source) for fact in facts] == [
        ("F1", "likes", 200, "likes", "x metrics"),
        ("F2", "comments", 10, "comments", "x metrics"),
        ("F3", "shares", 40, "shares", "x metrics"),
        ("F4", "views", 10_000, "views", "x metrics"),
        ("F5", "followers", 2_000, "accounts", "x author"),
        ("F6", "posted_at", "2026-03-03T18:30:00+00:00", "UTC time", "x post"),
        ("F7", "post_weekday", "Tuesday", "UTC weekday", "x post"),
        ("F8", "post_hour", 18, "UTC hour", "x post"),
        ("F9", "age", 10.0, "hours", "computed from F6 and the time of measurement"),
        ("F10", "engagements", 250, "engagements", "computed from F1, F2 and F3"),
        ("F11", "engagements_per_view", 0.025, "ratio", "computed from F10 and F4"),
        ("F12", "likes_per_view", 0.02, "ratio", "computed from F1 and F4"),
        ("F13", "comments_per_like", 0.05, "ratio", "computed from F2 and F1"),
        ("F14", "shares_per_like", 0.2, "ratio", "computed from F3 and F1"),
        ("F15", "engagements_per_follower", 0.125, "ratio", "computed from F10 and F5"),
        ("F16", "views_per_follower", 5.0, "ratio", "computed from F4 and F5"),
        ("F17", "engagements_per_hour", 25.0, "engagements per hour", "computed from F10 and F9"),
        ("F18", "views_per_hour", 1_000.0, "views per hour", "computed from F4 and F9"),
        ("F19", "image_count", 2, "images", "x media"),
        ("F20", "video_count", 0, "videos", "x media"),
        ("F21", "text_length", 80, "characters", "post text"),
        ("F22", "text_words", 11, "words", "post text"),
        ("F23", "language", "en", "language code", "x post"),
        ("F24", "hook_text", "We let the kite pick the song!", "text", "post text"),
        ("F25", "hashtag_count", 1, "hashtags", "post text"),
        ("F26", "mention_count", 1, "mentions", "post text"),
        ("F27", "hashtags", ("#Kites",), "list", "post text"),
        ("F28", "mentions", ("@wind",), "list", "post text"),
        ("F29", "link_count", 1, "links", "post text"),
        ("F30", "question_count", 0, "question marks", "post text"),
        ("F31", "exclamation_count", 1, "exclamation marks", "post text"),
        ("F32", "emoji_count", 1, "emojis", "post text"),
    ]


def test_unknown_values_and_facts_that_depend_on_them_are_absent() -> None:
    assert {fact.source for fact in facts_of().values()} == {"post text"}
    assert "views_per_follower" not in facts_of(metrics={"views": 10})
    assert "views_per_hour" not in facts_of(metrics={"views": 10})


@pytest.mark.parametrize(
    "known",
    [
        {"metrics": {"likes": 0, "comments": 3}, "absent": "comments_per_like"},
        {"metrics": {"views": 5}, "followers": 0, "absent": "views_per_follower"},
        {"metrics": {"views": 5}, "posted_at": MEASURED_AT, "absent": "views_per_hour"},
    ],
)
def test_a_ratio_with_a_zero_denominator_is_absent(known: dict[str, Any]) -> None:
    absent = known.pop("absent")

    assert absent not in facts_of(**known)


def test_a_count_of_zero_is_a_fact_and_not_absent() -> None:
    assert value_of("likes", metrics={"likes": 0}) == 0
    assert value_of("comments_per_like", metrics={"likes": 4, "comments": 0}) == 0


def test_zero_views_beside_engagement_count_as_unknown() -> None:
    assert "views" not in facts_of(metrics={"views": 0, "likes": 7})
    assert value_of("views", metrics={"views": 0, "likes": 0}) == 0


@pytest.mark.parametrize("count", [-1, 2**63, 10**400])
def test_impossible_counts_are_unknown(count: int) -> None:
    facts = facts_of(metrics={"likes": count, "views": 5}, followers=count)

    assert "likes" not in facts
    assert "followers" not in facts


def test_a_post_younger_than_an_hour_has_no_hourly_rates() -> None:
    young = facts_of(metrics={"views": 90}, posted_at=MEASURED_AT - timedelta(minutes=59))
    old_enough = facts_of(metrics={"views": 90}, posted_at=MEASURED_AT - timedelta(minutes=60))

    assert "views_per_hour" not in young
    assert old_enough["views_per_hour"].value == 90


def test_a_post_from_the_future_has_no_age() -> None:
    facts = facts_of(posted_at=MEASURED_AT + timedelta(seconds=1))

    assert "age" not in facts
    assert "post_hour" in facts


def test_hour_and_weekday_of_a_post_are_in_utc() -> None:
    posted_at = datetime(2026, 3, 2, 1, 15, tzinfo=timezone(timedelta(hours=9)))

    facts = facts_of(posted_at=posted_at)

    assert (facts["post_weekday"].value, facts["post_hour"].value) == ("Sunday", 16)


@pytest.mark.parametrize(
    "language", ["qme", "und", "zxx", "", "English", "in ignore this", "en-ignore-all-rules", "en\n[F1]"]
)
def test_an_invalid_post_language_is_not_a_fact(language: str) -> None:
    assert "language" not in facts_of(language=language)


def test_a_video_post_has_no_text_hook() -> None:
    assert "hook_text" not in facts_of(media=[MediumSnapshot(MediaKind.VIDEO)])


@pytest.mark.parametrize(("duration_s", "expected"), [(24.34, 24.34), (0.0, None), (math.nan, None), (math.inf, None)])
def test_only_a_positive_finite_duration_is_a_fact(duration_s: float, expected: float | None) -> None:
    fact = facts_of(media=[MediumSnapshot(MediaKind.VIDEO, duration_s=duration_s)]).get("duration")

    assert (fact.value if fact else None) == expected


def test_only_untrusted_texts_are_marked_as_quotations() -> None:
    facts = facts_of(text="Why #kites? @wind", posted_at=POSTED_AT, language="en", metrics={"likes": 1})

    assert {name for name, fact in facts.items() if fact.is_quotation} == {"hook_text", "hashtags", "mentions"}


def test_platform_specific_details_become_facts() -> None:
    details = {"title": " A  kite\nflies ", "sound": "Wind, remixed", "is_short": True, "is_paid_partnership": False}
    chapters = [{"start_s": 0, "end_s": 5, "title": "Start"}, {"start_s": 5, "end_s": 9, "title": "End"}]

    facts = facts_of(details=details | {"chapters": chapters}, comments=[{"text": "wow"}])

    told = ("is_short", "is_paid_partnership", "chapter_count", "known_comments", "title", "sound")
    assert [(facts[name].value, facts[name].unit, facts[name].source, facts[name].is_quotation) for name in told] == [
        (True, "boolean", "x post", False),
        (False, "boolean", "x post", False),
        (2, "chapters", "x post", False),
        (1, "comments", "x comments", False),
        ("A kite flies", "text", "x post", True),
        ("Wind, remixed", "text", "x post", True),
    ]


def test_details_of_a_wrong_type_are_not_facts() -> None:
    details = {"title": ["a"], "sound": " ", "is_short": "yes", "is_paid_partnership": 1, "chapters": {"start_s": 0}}

    assert {fact.source for fact in facts_of(details=details).values()} == {"post text"}


NUMBERS = st.none() | st.floats() | st.integers(-5, 2**70)
SEGMENTS = st.builds(
    SpokenSegment,
    start_s=st.floats(-1, 100),
    end_s=st.floats(-1, 100),
    text=st.text(max_size=20),
    words=st.lists(st.builds(SpokenWord, st.floats(-1, 100), st.floats(-1, 100), st.text(max_size=5)), max_size=3),
)
MEDIA = st.builds(
    MediumSnapshot,
    kind=st.sampled_from(MediaKind),
    duration_s=st.none() | st.floats(),
    width=st.none() | st.integers(-1, 9_000),
    height=st.none() | st.integers(-1, 9_000),
    measurements=st.dictionaries(
        st.sampled_from(["cut_count", "cuts_per_minute", "loudness_lufs", "speech_wpm", "fps", "silence_share"]),
        NUMBERS | st.text(max_size=3) | st.booleans(),
    ),
    has_speech=st.none() | st.booleans(),
    segments=st.lists(SEGMENTS, max_size=4),
    transcript_source=st.none() | st.sampled_from(TranscriptSource),
    transcript_language=st.none() | st.text(max_size=5),
)
JSON = st.recursive(
    NUMBERS | st.booleans() | st.text(max_size=9), lambda inner: st.lists(inner, max_size=3), max_leaves=4
)
MARKERS = st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(["start_s", "end_s", "value"], JSON)), max_size=4)
DETAILS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(["title", "sound", "is_short", "is_paid_partnership", "chapters"], JSON)
    | {"most_replayed": MARKERS | JSON},
)
COUNTS = st.dictionaries(
    st.sampled_from(["likes", "comments", "views", "shares", "quotes", "bookmarks", "other"]), st.integers(-5, 2**70)
)
SNAPSHOTS = st.builds(
    PostSnapshot,
    platform=st.sampled_from(Platform),
    text=st.text(),
    posted_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    metrics=COUNTS,
    followers=st.none() | st.integers(-5, 2**70),
    language=st.none() | st.text(max_size=5),
    media=st.none() | st.lists(MEDIA, max_size=4),
    details=DETAILS,
)
MAY_BE_NEGATIVE = {"loudness", "hook_loudness"}


@given(SNAPSHOTS, st.datetimes(timezones=st.just(UTC)))
def test_any_post_gives_finite_numbered_facts_that_cite_earlier_ones(post: PostSnapshot, measured_at: datetime) -> None:
    facts = compute_facts(post, measured_at=measured_at)

    assert [fact.id for fact in facts] == [f"F{number}" for number in range(1, len(facts) + 1)]
    assert len({fact.name for fact in facts}) == len(facts)
    assert all(math.isfinite(fact.number) for fact in facts if fact.number is not None)
    assert all((fact.number or 0) >= 0 for fact in facts if fact.name not in MAY_BE_NEGATIVE)
    assert facts == compute_facts(post, measured_at=measured_at)
    for number, fact in enumerate(facts, start=1):
        cited = [int(word.strip("F,")) for word in fact.source.split() if word.startswith("F")]
        assert all(earlier < number for earlier in cited)
