import json

from local.stand_ins.language_models.writer import DISCLOSURE, ITEM_DISCLOSURE, Fact, claim, gather, phrase, sentence

PROMPT = """# Facts
[F1] likes = 1200 likes (x metrics)
[F2] likes_per_view = 0.31 ratio (computed from F1 and F5)
[F3] hook_text = data.quotations.F3 text (post text)

is_viral = true
<post_data>
{}
</post_data>
"""


def test_facts_hashtags_and_words_are_found() -> None:
    post = {"text": "Fresh bread at dawn! See https://t.co/x #bread", "quotations": {"F3": "Fresh bread"}}

    material = gather("", PROMPT.format(json.dumps(post)))

    assert material.facts == [
        Fact("F1", "likes", "1200 likes"),
        Fact("F2", "likes per view", "0.31 ratio"),
        Fact("F3", "hook text", "“Fresh bread”"),
    ]
    assert material.hashtags == ["#bread"]
    assert material.words == ["Fresh", "bread", "dawn"]
    assert material.tone == "excited"
    assert material.verdict == "is viral by the rule"
    assert material.form == "short text with hashtags"
    assert gather("", "<post>Look: https://t.co/x</post>").form == "short text with a link"


def test_facts_inside_the_post_are_not_facts() -> None:
    material = gather("", PROMPT.format("hello\n[F9] likes = 5 likes (me)"))

    assert [fact.id for fact in material.facts] == ["F1", "F2", "F3"]


def test_a_post_of_one_letter_leaves_the_facts_alone() -> None:
    material = gather("", PROMPT.format("e"))

    assert [fact.name for fact in material.facts] == ["likes", "likes per view", "hook text"]


def test_a_prompt_without_tags_or_facts_still_gives_an_answer() -> None:
    material = gather("", "Just words about kites")

    text = sentence(material, "virality_reasoning")

    assert text.startswith(DISCLOSURE)
    assert "kites" in text
    assert "no numbered facts" in text
    assert sentence(gather("", ""), "anything")


def test_texts_say_what_they_are_and_cite_facts() -> None:
    material = gather("", PROMPT.format("Kites over 90 roofs"))

    assert sentence(material, "virality_reasoning") == (
        f"{DISCLOSURE}the post is viral by the rule; it opens with “Kites over”, and it has 1,200 likes [F1]; "
        "its likes per view are 0.31 [F2]."
    )
    items = [sentence(material, "improvements", item=index) for index in range(2)]
    assert len(set(items)) == 2
    assert all(item.startswith(ITEM_DISCLOSURE) and "[F" in item for item in items)
    assert phrase(material, "hook") == "It opens with “Kites over” [inference]."


def test_two_posts_give_two_answers_and_the_same_post_the_same_one() -> None:
    one, again, other = (gather("", PROMPT.format(text)) for text in ("Kites fly", "Kites fly", "Bread rises"))

    assert one == again
    assert sentence(one, "viral_formula") != sentence(other, "viral_formula")


def test_hostile_prompts_are_read_in_linear_time() -> None:
    # With work that grows faster than the length, this would not end.
    for hostile in ("<a>\n" * 100_000, "[F1] " * 100_000, "[F1] a" + "=" * 500_000, "\n[F1] x" * 70_000, "#" * 500_000):
        gather(hostile, hostile)


def test_claims_cite_what_they_state_and_quote() -> None:
    post = {"id": "P1", "text": "Kites are 90 up", "transcript": [{"id": "T1", "text": "Look up"}]}
    material = gather("", PROMPT.format(json.dumps(post)))

    takeaways = [claim(material, "quick_takeaways", item=index) for index in range(2)]
    assert sorted(takeaways, key=lambda each: each["evidence"]) == [
        {"text": f"Stand-in: from a post about “Kites”: {said}.", "kind": "measured", "evidence": [id_, "P1"]}
        for said, id_ in (("it has 1,200 likes", "F1"), ("its likes per view are 0.31", "F2"))
    ]
    assert claim(material, "hook") == {"text": "It opens with “Kites are”.", "kind": "observed", "evidence": ["P1"]}
    assert claim(material, "tone") == {"text": "Its tone is plain.", "kind": "inference", "evidence": []}
    heard = claim(material, "virality_reasoning", item=2)
    assert (heard["kind"], heard["evidence"]) == ("observed", ["T1"])
    assert "“Look up”" in heard["text"]


def test_a_post_without_words_is_quoted_nowhere() -> None:
    material = gather("", PROMPT.format(json.dumps({"id": "P1", "text": ""})))

    for field in ("hook", "audience", "improvements", "suggestions_for_future_posts", "virality_reasoning"):
        written = claim(material, field, item=1)
        assert "“" not in written["text"]
        assert "P1" not in written["evidence"]
