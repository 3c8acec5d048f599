"""Writes the text of an answer from the prompt: its numbered facts and the words of the post.

The writer has no understanding and no state: two posts give two answers because their facts and words differ.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any

DISCLOSURE = "Stand-in answer, not written by a model: "
ITEM_DISCLOSURE = "Stand-in: "

_FACT = re.compile(r"^\s*\[(?P<id>F\d+)\]\s*(?P<name>[^=\n]{1,100}?)\s*=\s*(?P<value>[^\n]{1,300}?)\s*$", re.MULTILINE)
_QUOTATION = re.compile(r"data\.quotations\.(F\d+)")
_VERDICT = re.compile(r"^is_viral\s*=\s*(true|false)\b", re.MULTILINE | re.IGNORECASE)
_VERDICTS = {
    "true": "is viral by the rule",
    "false": "is not viral by the rule",
    None: "comes without a verdict",
}
_CITED = re.compile(r"\[([FTMPC]\d+)\]")
_CAME_WITH = re.compile(r"It came with .*?(?=(?: \[M\d+\])?\.(?:\s|$))")
_SENSES = re.compile(r"The first words said are .*")
_CITATION = re.compile(r"\s?\[(?:[FTMPC]\d+|inference)\]")
_MEDIUM = re.compile(r"^\[(M\d+)\] ", re.MULTILINE)
_SOURCE_AT_END = re.compile(r"\s*\([^()]*\)$")
_OPENING_TAG = re.compile(r"^[ \t]*<([A-Za-z_][\w-]{0,50})[^>\n]{0,200}>", re.MULTILINE)
_HASHTAG = re.compile(r"(?<!\w)#[^\W\d]\w*")
_LINK = re.compile(r"https?://\S+")
_WORD = re.compile(r"(?<!\w)[^\W\d_]{4,30}(?!\w)")
_SLOT = re.compile(r"\{(\w+)\}")
_DIGITS = re.compile(r"\d")
_NUMBER = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:e[+-]?[0-9]{1,3})?")
_UNITS_OF_COUNTS = ("accounts",)
_TELLING = frozenset(
    {
        *("likes", "comments", "shares", "quotes", "bookmarks", "views", "followers", "engagements", "likes per view"),
        *("comments per like", "shares per like", "views per follower", "engagements per view"),
        *("engagements per follower", "views per hour", "duration", "cut count", "cuts per minute", "first cut"),
        *("first word", "speech rate", "spoken words", "loudness", "baseline median", "outlier ratio"),
    }
)
"""Facts from which a reader learns something."""
_COMMON_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        about after again also been before being both could does down each even every from have here into just like made
        make many more most much only other over some such than that their them then there these they this those under
        very want were what when where which while will with without would your
        """,
    )
)
_LONGEST_READ = 200_000
_LONGEST_QUOTE = 120
_MOST_TAGS = 20
_POST_TAGS = ("post", "text", "content", "caption")

# The first angle whose stem is part of the field's name decides how a sentence about the post begins.
_ANGLES = (
    (("reason", "why", "explan"), "the post {verdict}; it opens with {opening}, and {fact}; {fact}.{senses}"),
    (("takeaway", "finding", "insight"), "from a post about {word}: {fact}."),
    (("creator", "author", "account"), "what is known here about the creator of the post: {fact}; {fact}."),
    (("formula", "recipe"), "a {form} that opens with {opening}; {fact}."),
    (("replic", "element", "reuse"), "the form can be reused, a {form}; here {fact}."),
    (("improve", "weak", "risk"), "say more about {word}; so far {fact}."),
    (("suggest", "future", "idea", "next"), "make another {form} about {word} and compare; here {fact}."),
)
_REASONS = (
    "the post {verdict}; {fact}.",
    "it opens with {opening}.",
    "its words and media reached the stand-in, which understands neither.{senses}",
)
_OPINIONS = ("improve", "suggest", "tone", "format", "audience")
"""Stems of fields whose claims are inferences."""
_ANY_ANGLE = "on {topic}: the post says {word}, and {fact}."
_PHRASES = {
    "hook": "It opens with {opening} [inference].",
    "tone": "Its tone is {tone} [inference].",
    "format": "It is a {form} [inference].",
    "audience": "It speaks to people who care about {subject} [inference].",
}
_ANY_PHRASE = "{topic}: {word}"


@dataclass(frozen=True, slots=True)
class Fact:
    """A numbered fact of the prompt."""

    id: str
    name: str
    value: str

    @property
    def said(self) -> str:
        """The fact in words, such as `it has 1,200 likes`."""
        number, _, unit = self.value.partition(" ")
        if not _NUMBER.fullmatch(number):
            return f"its {self.name} is {self.value}"
        shown = f"{int(number):,}" if number.isdigit() else number
        if unit == self.name or unit in _UNITS_OF_COUNTS:
            return f"it has {shown} {unit if unit == self.name else self.name}"
        if self.name == "cut count":
            return f"it has {shown} cuts"
        verb = "are" if self.name.partition(" ")[0].endswith("s") and not self.name.endswith("ss") else "is"
        return f"its {self.name} {verb} {shown}" if unit == "ratio" else f"its {self.name} {verb} {shown} {unit}"

    @property
    def is_telling(self) -> bool:
        """Whether a reader learns something from it: a number other than zero that measures more than the text."""
        number = self.value.partition(" ")[0]
        return _NUMBER.fullmatch(number) is not None and float(number) != 0 and self.name in _TELLING

    def __str__(self) -> str:
        return f"{self.said} [{self.id}]"


@dataclass(frozen=True, slots=True)
class Material:
    """The material of a prompt; its texts hold no digits, because only facts may state numbers."""

    facts: Sequence[Fact]
    opening: str
    words: Sequence[str]
    hashtags: Sequence[str]
    tone: str
    form: str
    verdict: str
    senses: str
    """A sentence about pictures and sound; empty without any."""
    text_id: str | None
    """The id under which the text of the post can be cited."""
    seed: str
    """Differs when anything in the prompt differs."""

    def number(self, path: str) -> int:
        """Return a number that depends on the prompt and the place in the answer, and on nothing else."""
        return int.from_bytes(hashlib.sha256(f"{self.seed}{path}".encode()).digest()[:6])


def gather(system: str, user: str, *, media: str = "") -> Material:
    """Find the facts and the post in a prompt; `media` describes the attached media in words."""
    text = user[:_LONGEST_READ]
    block = _post_block(text)
    told = text[: block.start] + text[block.stop :]
    data = _as_object(text[block])
    post = str(data["text"]) if "text" in data else text[block] or _FACT.sub("", text)
    spoken = _LINK.sub(" ", post)
    words = [word for word in _WORD.findall(spoken) if word.lower() not in _COMMON_WORDS]
    verdict = _VERDICT.search(told)
    return Material(
        facts=[_read_fact(match, data) for match in _FACT.finditer(told)],
        opening=_quoted(post),
        words=list(dict.fromkeys(words)),
        hashtags=list(dict.fromkeys(_HASHTAG.findall(spoken))),
        tone=_tone(spoken),
        form=_form(post),
        verdict=_VERDICTS[verdict[1].lower() if verdict else None],
        senses=_senses(media, told, data),
        text_id=str(data["id"]) if "id" in data and post else None,
        seed=hashlib.sha256(f"{system}\0{user}\0{media}".encode(errors="replace")).hexdigest(),
    )


def sentence(material: Material, field_name: str, *, item: int | None = None) -> str:
    """Return a text that names itself a stand-in's and cites facts.

    Args:
        material: the material of the prompt.
        field_name: the property the text is for; it decides the angle.
        item: its place in a list of such texts, which then differ; None for a text that stands alone.
    """
    disclosure = DISCLOSURE if item is None else ITEM_DISCLOSURE
    return disclosure + _filled(_angle(field_name.lower()), material, field_name, item)


def phrase(material: Material, field_name: str, *, item: int | None = None) -> str:
    """Return a few words for a detail inside an object, whose longer texts carry the disclosure."""
    return _filled(_PHRASES.get(field_name.lower(), _ANY_PHRASE), material, field_name, item)


def claim(material: Material, field_name: str, *, item: int | None = None) -> dict[str, Any]:
    """Return a claim for a field: its text without ids, and the ids of what it states and quotes."""
    name = field_name.lower()
    if name in _PHRASES:
        disclosure, template = "", _PHRASES[name]
    elif "reason" in name:
        disclosure = ITEM_DISCLOSURE if item else DISCLOSURE
        template = _REASONS[(item or 0) % len(_REASONS)]
    else:
        disclosure = DISCLOSURE if item is None else ITEM_DISCLOSURE
        template = _angle(name)
    text = disclosure + _filled(template, material, field_name, item)
    # No evidence counts the media, so that a claim names them without their number.
    text = _CAME_WITH.sub("It came with media", text)
    ids = list(dict.fromkeys(_CITED.findall(text)))
    if material.text_id and ("“" in _SENSES.sub("", text) or "#" in text):
        ids.append(material.text_id)
    kind = "inference" if any(stem in name for stem in _OPINIONS) or not ids else "observed"
    kind = "measured" if kind == "observed" and ids[0].startswith("F") else kind
    return {"text": " ".join(_CITATION.sub("", text).split()), "kind": kind, "evidence": ids}


def _angle(name: str) -> str:
    return next((angle for stems, angle in _ANGLES if any(stem in name for stem in stems)), _ANY_ANGLE)


def chat_reply(material: Material, question: str) -> str:
    """Return a free answer to the last line of the last message; the lines above it may hold material."""
    asked = question.strip().rpartition("\n")[2]
    facts = "; ".join(str(fact) for fact in material.facts[:3]) or "the prompt holds no numbered facts"
    return f"{DISCLOSURE}you asked {_quoted(asked)}. What the prompt holds on it: {facts}."


def _filled(template: str, material: Material, field_name: str, item: int | None) -> str:
    # A text that stands alone begins with the first facts, which are the public counts; lists walk through the others.
    places = count(0 if item is None else material.number(field_name) + item)
    words = material.words
    makers: Mapping[str, Callable[[], str]] = {
        "fact": lambda: _fact(material, next(places)),
        "word": lambda: (
            "its subject"
            if not words
            else "“{}”".format(words[(material.number(f"{field_name} word") + (item or 0)) % len(words)])
        ),
        "subject": lambda: " ".join(material.hashtags) or (f"“{words[0]}”" if words else "its subject"),
        "topic": lambda: _without_digits(field_name.replace("_", " ")) or "this",
        "tone": lambda: material.tone,
        "form": lambda: material.form,
        "verdict": lambda: material.verdict,
        "senses": lambda: material.senses,
        "opening": lambda: material.opening,
    }
    return _SLOT.sub(lambda match: makers[match[1]](), template)


def _fact(material: Material, place: int) -> str:
    facts = [fact for fact in material.facts if fact.is_telling] or material.facts
    return str(facts[place % len(facts)]) if facts else "the prompt holds no numbered facts"


def _post_block(text: str) -> slice:
    """Return the place between tags named after the post, else between the first tags, else an empty place."""
    blocks = []
    for opening in list(_OPENING_TAG.finditer(text))[:_MOST_TAGS]:
        end = text.find(f"</{opening[1]}", opening.end())
        if end >= 0:
            blocks.append((opening[1].lower(), slice(opening.end(), end)))
    of_post = [block for name, block in blocks if any(part in name for part in _POST_TAGS)]
    others = [block for _, block in blocks if not _FACT.search(text[block])]
    return next(iter(of_post or others), slice(0, 0))


def _as_object(block: str) -> Mapping[str, Any]:
    try:
        data = json.loads(block)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _senses(media: str, told: str, data: Mapping[str, Any]) -> str:
    """Describe the media and quote the first words said in them, citing both: a proof that they arrived."""
    seen = _MEDIUM.search(told)
    sentence = f" It came with {media}{f' [{seen[1]}]' if seen else ''}." if media else ""
    transcript = data.get("transcript")
    first = transcript[0] if isinstance(transcript, list) and transcript else None
    if isinstance(first, dict) and re.fullmatch(r"T\d+", str(first.get("id"))):
        sentence += f" The first words said are {_quoted(str(first.get('text', '')))} [{first['id']}]."
    return sentence


def _read_fact(match: re.Match[str], data: Mapping[str, Any]) -> Fact:
    value = _SOURCE_AT_END.sub("", match["value"]).strip()
    if quotation := _QUOTATION.match(value):
        value = _quoted(_quotation(data, quotation[1]))
    return Fact(match["id"], match["name"].strip("* ").replace("_", " "), value)


def _quotation(data: Mapping[str, Any], fact_id: str) -> str:
    quotations = data.get("quotations")
    quotation = quotations.get(fact_id, "") if isinstance(quotations, dict) else ""
    return ", ".join(map(str, quotation)) if isinstance(quotation, list) else str(quotation)


def _quoted(text: str) -> str:
    first_line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    short = first_line if len(first_line) <= _LONGEST_QUOTE else f"{first_line[:_LONGEST_QUOTE].rsplit(' ', 1)[0]}…"
    whole = list(takewhile(_is_quotable, short.removesuffix("…").split()))
    words = " ".join(whole).rstrip(".,;:!?")
    return f"“{words}”" if words else "no text"


def _is_quotable(word: str) -> bool:
    """Whether a word can stand in a quotation: a number that cites no fact would be an invented claim."""
    return "://" not in word and not any(character.isdigit() or character in '“”„"<>[]{}' for character in word)


def _without_digits(text: str) -> str:
    # A number that cites no fact would be an invented claim.
    return " ".join(_DIGITS.sub("", text).split())


def _tone(post: str) -> str:
    letters = [letter for letter in post if letter.isalpha()]
    if letters and sum(letter.isupper() for letter in letters) > len(letters) / 2:
        return "loud"
    return "excited" if "!" in post else "asking" if "?" in post else "plain"


def _form(post: str) -> str:
    length = "short" if len(post) < 80 else "long" if len(post) > 280 else "medium-length"  # noqa: PLR2004 - X's own limit
    extra = " with hashtags" if _HASHTAG.search(post) else " with a link" if _LINK.search(post) else ""
    return f"{length} text{extra}"
