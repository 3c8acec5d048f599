from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyviral.analysis.explanation.answer import AnalystAnswer, InvalidAnswer, validate_answer
from whyviral.core.errors import ErrorCategory

CITABLE_IDS = ["F1", "F2", "T1", "M1"]


def raw_answer(**changes: Any) -> dict[str, Any]:
    return {
        "virality_reasoning": "It spread because it is short [F1].",
        "quick_takeaways": ["Be short.", "Be first.", "Be kind."],
        "creator_context": "Unknown creator.",
        "content_observation": {"hook": "A kite.", "tone": "calm", "format": "text", "audience": "anyone"},
        "replicable_elements": ["Brevity."],
        "viral_formula": "Short and first.",
        "improvements": ["Ask something."],
        "suggestions_for_future_posts": ["One.", "Two.", "Three.", "Four."],
    } | changes


def test_a_good_answer_is_kept_as_it_is() -> None:
    validated = validate_answer(MappingProxyType(raw_answer()), citable_ids=CITABLE_IDS)

    assert validated.answer.model_dump() == raw_answer()
    assert validated.unknown_citations == 0


@pytest.mark.parametrize(
    ("text", "checked", "unknown"),
    [
        ("true [F1]", "true [F1]", 0),
        ("false [F99].", "false [inference].", 1),
        ("both [F1, F99; F98]", "both [F1][inference]", 2),
        ("small [f1] [F01]", "small [F1] [inference]", 1),
        ("[ F99 ]", "[inference]", 1),
        ("[F99999999999999999999]", "[inference]", 1),
        ("said [T1] and seen [m1; F2]", "said [T1] and seen [M1][F2]", 0),
        ("[T9] [M9] [T1, M9]", "[inference] [inference] [T1][inference]", 3),
        ("[Fact F1] and [facts F1, F99]", "[F1] and [F1][inference]", 1),
        ("【F1】 ［Ｆ２］ 〔F99〕", "[F1] [F2] [inference]", 1),  # noqa: RUF001 - as models write them
        ("(F1) and (see F99; F2)", "[F1] and [inference][F2]", 1),
        ("[[F1]] \\[F99\\] {F2} <T1> «F98»", "[F1] [inference] [F2] [T1] [inference]", 2),
        ("[F1](https://a.example/b) [^F99] [F99†source]", "[F1] [inference] [inference]", 2),
        (
            "[F1, 2, 9] [F1-3] [Fact 1] [span 1] [medium 9]",
            "[F1][F2][inference] [F1][inference] [F1] [T1] [inference]",
            3,
        ),
        ("[F1: 300 likes] [F99 = likes] [likes F99]", "(300 likes) [F1] (likes) [inference] (likes) [inference]", 2),
        ("[F1, inference] (inference) [Inferred]", "[F1][inference] [inference] [inference]", 0),
        ("(great reach [F1])", "(great reach [F1])", 0),
        ("the (M1 chip), (5 m 30 s) and (Formula 1)", "the (M1 chip), (5 m 30 s) and (Formula 1)", 0),
        ("[T1, 0:02-0:05]", "(0:02-0:05) [T1]", 0),
        ("[T1-T9] [F1 and F2] [F2\u2013F7] [m1 & t1]", "[T1][inference] [F1][F2] [F2][inference] [M1][T1]", 2),
        ("F99 and [G1] and [F] and [1]", "F99 and [G1] and [F] and [1]", 0),
        ("[inference]", "[inference]", 0),
    ],
)
def test_citations_of_nothing_become_inferences_and_are_counted(text: str, checked: str, unknown: int) -> None:
    validated = validate_answer(raw_answer(improvements=[text]), citable_ids=CITABLE_IDS)

    assert validated.answer.improvements == [checked]
    assert validated.unknown_citations == unknown


def test_citations_are_checked_in_every_field() -> None:
    def citing(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: citing(each) for key, each in value.items()}
        return [citing(each) for each in value] if isinstance(value, list) else "[F99]"

    validated = validate_answer(citing(raw_answer()), citable_ids=CITABLE_IDS)

    assert "F99" not in validated.answer.model_dump_json()
    assert validated.unknown_citations == 16


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("  kite\x00\x1b[31m \n", "kite[31m"),
        ("a\tb\x0bc", "a b c"),
        ("\u202eevil\u202c", "evil"),
        ("\ud800ok", "ok"),
        ("one\r\n\r\ntwo", "one\n\ntwo"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
    ],
)
def test_characters_that_act_are_removed(dirty: str, clean: str) -> None:
    answer = validate_answer(raw_answer(virality_reasoning=dirty), citable_ids=CITABLE_IDS).answer

    assert answer.virality_reasoning == clean


def test_everything_but_prose_is_on_one_line() -> None:
    raw = raw_answer(viral_formula="a\n\n b", quick_takeaways=["c\nd"] * 3)

    answer = validate_answer(raw, citable_ids=CITABLE_IDS).answer

    assert answer.viral_formula == "a b"
    assert answer.quick_takeaways == ["c d"] * 3


def test_fields_that_were_not_asked_for_are_ignored() -> None:
    answer = validate_answer(raw_answer(is_viral=True, confession="x"), citable_ids=CITABLE_IDS).answer

    assert set(answer.model_dump()) == set(raw_answer())


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"quick_takeaways": list("abcdef")}, list("abcde")),
        ({"quick_takeaways": ["a", " \x00 ", "b", "", "c"]}, list("abc")),
        ({"quick_takeaways": ["a", None, "b", 7, {"text": "x"}, "c"]}, list("abc")),
        ({"quick_takeaways": ["", "a", "b", "c", "d", "e", "f"]}, list("abcde")),
        ({"suggestions_for_future_posts": list("abcde")}, list("abcd")),
        ({"replicable_elements": ["a"] * 9}, ["a"] * 8),
        ({"improvements": ["a"] * 100}, ["a"] * 8),
        ({"improvements": ["a" * 601]}, ["a" * 599 + "…"]),
    ],
)
def test_surplus_and_empty_items_are_dropped_and_the_answer_is_kept(changes: dict[str, Any], kept: list[str]) -> None:
    answer = validate_answer(raw_answer(**changes), citable_ids=CITABLE_IDS).answer

    assert answer.model_dump() == raw_answer(**dict.fromkeys(changes, kept))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a" * 600, "a" * 600),
        ("a" * 601, "a" * 599 + "…"),
        ("a" * 595 + " bcdefg", "a" * 595 + "…"),
        ("a" * 595 + " bcd efg", "a" * 595 + " bcd…"),
        ("字" * 700, "字" * 599 + "…"),
        ("a" * 590 + " [F1][F2][T1]", "a" * 590 + "…"),
        ("字" * 595 + "[F1][F2]", "字" * 595 + "[F1]…"),
        ("字" * 597 + "[F1]", "字" * 597 + "…"),
        ("a" * 585 + " [F99] and more", "a" * 585 + " [inference]…"),
    ],
)
def test_a_long_text_is_cut_at_a_word_and_never_inside_a_citation(text: str, kept: str) -> None:
    assert validate_answer(raw_answer(viral_formula=text), citable_ids=CITABLE_IDS).answer.viral_formula == kept


def test_long_prose_is_cut_to_its_own_limit() -> None:
    answer = validate_answer(raw_answer(virality_reasoning="word " * 900), citable_ids=CITABLE_IDS).answer

    assert 3_990 <= len(answer.virality_reasoning) <= 4_000
    assert answer.virality_reasoning.endswith("word…")


@pytest.mark.parametrize("wrapper", ["analysis", "answer"])
def test_an_answer_inside_another_object_is_read(wrapper: str) -> None:
    assert validate_answer({wrapper: raw_answer()}, citable_ids=CITABLE_IDS).answer.model_dump() == raw_answer()


@pytest.mark.parametrize(
    "changes",
    [
        {"quick_takeaways": ["a"] * 2},
        {"quick_takeaways": ["a", "b", "", None, "\x00"]},
        {"quick_takeaways": "abc"},
        {"suggestions_for_future_posts": ["a"] * 3},
        {"suggestions_for_future_posts": ["a", "b", "c", " \x00 "]},
        {"replicable_elements": []},
        {"improvements": []},
        {"improvements": None},
        {"viral_formula": ""},
        {"viral_formula": 7},
        {"content_observation": "calm"},
        {"content_observation": {"hook": "a", "tone": "b", "format": "c"}},
        {"creator_context": {"hook": "a"}},
    ],
)
def test_a_wrong_shape_is_refused_by_naming_the_field(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidAnswer, match=next(iter(changes))) as refused:
        validate_answer(raw_answer(**changes), citable_ids=CITABLE_IDS)

    assert refused.value.category == ErrorCategory.AI_ERROR


@pytest.mark.parametrize("field", list(raw_answer()))
def test_every_field_is_required(field: str) -> None:
    raw = raw_answer()
    del raw[field]

    with pytest.raises(InvalidAnswer, match=field):
        validate_answer(raw, citable_ids=CITABLE_IDS)


def test_a_refusal_never_repeats_what_the_model_said() -> None:
    with pytest.raises(InvalidAnswer) as refused:
        validate_answer(raw_answer(viral_formula={"secret": "secret"}, improvements="secret"), citable_ids=CITABLE_IDS)

    assert "secret" not in str(refused.value)
    assert "secret" not in str(refused.value.__cause__)
    assert len(refused.value.reason) < 500


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(raw_answer(), JSON)))
def test_any_answer_is_accepted_or_refused(changes: dict[str, Any]) -> None:
    try:
        validated = validate_answer(raw_answer() | changes, citable_ids=CITABLE_IDS)
    except InvalidAnswer:
        return

    assert AnalystAnswer.model_validate(validated.answer.model_dump()) == validated.answer


@given(st.text(min_size=1, max_size=600))
def test_an_accepted_text_is_stripped_and_can_be_stored(text: str) -> None:
    try:
        formula = validate_answer(raw_answer(viral_formula=text), citable_ids=CITABLE_IDS).answer.viral_formula
    except InvalidAnswer:
        return

    assert formula == formula.strip()
    assert "\x00" not in formula
    formula.encode()
