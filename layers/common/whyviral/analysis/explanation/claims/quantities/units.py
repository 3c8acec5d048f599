"""The nouns and units beside numbers: what a number counts, in the words of creators and of five languages."""

import re
from collections.abc import Iterable

_NOUNS = {
    "views": "view views viewer viewers viewing viewings play plays impression impressions viewed watched played seen "
    "aufruf aufrufe aufrufen vue vues vista vistas visualizaciones reproducciones visualizações visualizzazioni",
    "likes": "likes liked heart hearts curtidas",
    "comments": "comment comments reply replies commented commenters kommentar kommentare kommentaren commentaire "
    "commentaires comentario comentarios comentário comentários commento commenti",
    "shares": "shares shared repost reposts reposted retweet retweets partages compartidos compartilhamentos "
    "condivisioni",
    "quotes": "quotes quoted",
    "bookmarks": "bookmark bookmarks bookmarked save saves saved",
    "followers": "follower followers subscriber subscribers account accounts abonnenten abonnés seguidores followern",
    "engagements": "engagement engagements interaction interactions interaktionen interacciones interactions",
    "images": "image images photo photos picture pictures",
    "videos": "video videos clip clips",
    "posts": "post posts reel reels short shorts tweet tweets upload uploads",
    "cuts": "cut cuts",
    "chapters": "chapter chapters",
    "words": "word words palabras wörter mots",
    "characters": "character characters",
    "hashtags": "hashtag hashtags",
    "mentions": "mention mentions",
    "links": "link links",
    "emojis": "emoji emojis",
    "questions": "question questions",
    "exclamations": "exclamation exclamations",
    "lufs": "lufs",
    "frames": "frame frames",
}
NOUN_OF = {word: noun for noun, words in _NOUNS.items() for word in words.split()}
"""Canonical noun by lower-case word."""
PER_NOUN_OF = NOUN_OF | {"like": "likes", "share": "shares"}
"""The same behind a number or `per`, where `like` is no preposition and `share` no part of a whole."""

SECONDS_OF = {
    word: seconds
    for seconds, words in (
        (0.001, "ms millisecond milliseconds"),
        (1.0, "s sec secs second seconds sekunde sekunden seconde secondes segundo segundos secondo secondi"),
        (60.0, "min mins minute minutes minuten minuto minutos minuti"),
        (3_600.0, "h hr hrs hour hours stunde stunden heure heures hora horas ora ore"),
        (86_400.0, "day days tag tage tagen jour jours día días dia dias giorno giorni"),
        (604_800.0, "week weeks woche wochen semaine semaines semana semanas settimana settimane"),
        (2_629_800.0, "month months monat monate monaten mois mes meses mese mesi"),
        (31_557_600.0, "year years jahr jahre jahren an ans año años ano anos anno anni"),
    )
    for word in words.split()
}
"""Length of a unit of time, by lower-case word."""

RHETORICAL = frozenset(
    [
        "thing",
        "things",
        "reason",
        "reasons",
        "way",
        "ways",
        "idea",
        "ideas",
        "lesson",
        "lessons",
        "part",
        "parts",
        "step",
        "steps",
        "point",
        "points",
        "factor",
        "factors",
        "element",
        "elements",
        "signal",
        "signals",
        "moment",
        "moments",
        "ingredient",
        "ingredients",
        "tip",
        "tips",
        "takeaway",
        "takeaways",
        "side",
        "sides",
        "act",
        "acts",
        "kind",
        "kinds",
        "half",
        "halves",
        "measurement",
        "measurements",
        "fact",
        "facts",
        "beat",
        "beats",
        "more",
        "other",
        "others",
    ]
)
"""What a writer enumerates: a small number of these states nothing about the post."""

_WORD = re.compile(r"[^\W\d_]+")


def nouns_in(words: Iterable[str]) -> list[str]:
    """Return the canonical nouns among words, in order and without repetition."""
    return list(dict.fromkeys(noun for word in words if (noun := NOUN_OF.get(word.lower()))))


def nouns_of_name(name: str, unit: str) -> frozenset[str]:
    """Return the nouns that a fact is about, from its name and unit."""
    words = _WORD.findall(f"{name} {unit}".replace("_", " ").lower())
    return frozenset(noun for word in words if (noun := PER_NOUN_OF.get(word)))
