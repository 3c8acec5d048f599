from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyviral.analysis.explanation.answer import AnalystAnswer, InvalidAnswer, claims_of, read_answer
from whyviral.analysis.explanation.claims.claim import Claim, ClaimKind
from whyviral.core.errors import ErrorCategory


def written(text: str, *evidence: str, kind: str | None = None) -> dict[str, Any]:
    default = "measured" if evidence else "inference"
    return {"text": text, "kind": kind or default, "evidence": list(evidence)}


def raw_answer(**changes: Any) -> dict[str, Any]:
    return {
        "virality_reasoning": [written("It spread because it is short.", "F1")],
        "quick_takeaways": [written("Be short."), written("Be first."), written("Be kind.")],
        "creator_context": [written("Unknown creator.")],
        "content_observation": {
            "hook": written("A kite.", "M1", kind="observed"),
            "tone": written("calm"),
            "format": written("text"),
            "audience": written("anyone"),
        },
        "replicable_elements": [written("Brevity.")],
        "viral_formula": written("Short and first."),
        "improvements": [written("Ask something.")],
        "suggestions_for_future_posts": [written(each) for each in ("One.", "Two.", "Three.", "Four.")],
    } | changes


def texts(claims: list[Claim]) -> list[str]:
    return [claim.text for claim in claims]


def test_a_good_answer_is_read_as_it_is() -> None:
    answer = read_answer(MappingProxyType(raw_answer()))

    assert answer.model_dump(mode="json") == raw_answer()
    assert [field for field, _ in claims_of(answer)][:2] == ["virality_reasoning", "quick_takeaways"]
    assert ("content_observation.hook", answer.content_observation.hook) in list(claims_of(answer))


@pytest.mark.parametrize(
    ("text", "claim", "kind", "evidence"),
    [
        ("It flew [F1].", "It flew.", ClaimKind.MEASURED, ["F1"]),
        ("It flew [F1, T2].", "It flew.", ClaimKind.MEASURED, ["F1", "T2"]),
        ("A kite [M1]", "A kite", ClaimKind.OBSERVED, ["M1"]),
        ("They cheer (C3).", "They cheer.", ClaimKind.OBSERVED, ["C3"]),
        ("It may help [inference].", "It may help.", ClaimKind.INFERENCE, []),
        ("It may help [F1][inference].", "It may help.", ClaimKind.INFERENCE, ["F1"]),
        ("It may help.", "It may help.", ClaimKind.INFERENCE, []),
    ],
)
def test_prose_with_citations_is_read_as_a_claim(text: str, claim: str, kind: ClaimKind, evidence: list[str]) -> None:
    answer = read_answer(raw_answer(improvements=[text]))

    assert answer.improvements == [Claim(text=claim, kind=kind, evidence=evidence)]


def test_a_paragraph_is_read_as_its_sentences() -> None:
    answer = read_answer(raw_answer(virality_reasoning="It has 1.5M views [F1]. Why? It is short [F2][F3]! No more"))

    assert texts(answer.virality_reasoning) == ["It has 1.5M views.", "Why?", "It is short!", "No more"]
    assert [claim.evidence for claim in answer.virality_reasoning] == [["F1"], [], ["F2", "F3"], []]


def test_ids_are_read_in_any_form_and_other_words_stay_to_be_refused() -> None:
    claim = {"text": "It flew [f2].", "kind": "measured", "evidence": ["[F1]", "f3", "fact one", 7, "F1"]}

    (read,) = read_answer(raw_answer(improvements=[claim])).improvements

    assert read.evidence == ["F1", "F3", "fact one", "F2"]


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("  kite\x00\x1b[31m \n", "kite[31m"),
        ("a\tb\x0bc", "a b c"),
        ("\u202eevil\u202c", "evil"),
        ("\ud800ok", "ok"),
        ("one\r\n\r\ntwo", "one two"),
        ("\U0001f468\u200d\U0001f469 a", "\U0001f468\u200d\U0001f469 a"),
    ],
)
def test_characters_that_act_are_removed(dirty: str, clean: str) -> None:
    assert read_answer(raw_answer(viral_formula=written(dirty))).viral_formula.text == clean


def test_fields_that_were_not_asked_for_are_ignored() -> None:
    answer = read_answer(raw_answer(is_viral=True, confession="x"))

    assert set(answer.model_dump()) == set(raw_answer())


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"quick_takeaways": list("abcdef")}, list("abcde")),
        ({"quick_takeaways": ["a", " \x00 ", "b", "", "c"]}, list("abc")),
        ({"quick_takeaways": ["a", None, "b", 7, {"text": 1}, "c"]}, list("abc")),
        ({"suggestions_for_future_posts": list("abcde")}, list("abcd")),
        ({"replicable_elements": ["a"] * 9}, ["a"] * 8),
        ({"improvements": ["a" * 601]}, ["a" * 599 + "…"]),
        ({"improvements": ["a" * 595 + " bcdefg"]}, ["a" * 595 + "…"]),
        ({"improvements": ["字" * 700]}, ["字" * 599 + "…"]),
    ],
)
def test_surplus_and_empty_items_are_dropped_and_long_ones_cut(changes: dict[str, Any], kept: list[str]) -> None:
    (field,) = changes

    assert texts(getattr(read_answer(raw_answer(**changes)), field)) == kept


@pytest.mark.parametrize("wrapper", ["analysis", "answer"])
def test_an_answer_inside_another_object_is_read(wrapper: str) -> None:
    assert read_answer({wrapper: raw_answer()}).model_dump(mode="json") == raw_answer()


@pytest.mark.parametrize(
    "changes",
    [
        {"quick_takeaways": ["a"] * 2},
        {"quick_takeaways": ["a", "b", "", None, "\x00"]},
        {"quick_takeaways": "abc"},
        {"suggestions_for_future_posts": ["a"] * 3},
        {"replicable_elements": []},
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
        read_answer(raw_answer(**changes))

    assert refused.value.category == ErrorCategory.AI_ERROR


@pytest.mark.parametrize("field", list(raw_answer()))
def test_every_field_is_required(field: str) -> None:
    raw = raw_answer()
    del raw[field]

    with pytest.raises(InvalidAnswer, match=field):
        read_answer(raw)


def test_a_refusal_never_repeats_what_the_model_said() -> None:
    with pytest.raises(InvalidAnswer) as refused:
        read_answer(raw_answer(viral_formula={"secret": "secret"}, improvements="secret"))

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
        answer = read_answer(raw_answer() | changes)
    except InvalidAnswer:
        return

    assert AnalystAnswer.model_validate(answer.model_dump()) == answer
    answer.model_dump_json().encode()
