"""What the voices of the corpus say: texts of our own, and the words of telephone recordings by their file names."""

import re
from collections.abc import Mapping, Sequence

import jiwer

WEEKDAYS: Mapping[str, Sequence[str]] = {
    "en": ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"),
    "es": ("domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"),
    "fr": ("dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"),
    "it": ("domenica", "lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato"),
    "ru": ("воскресенье", "понедельник", "вторник", "среда", "четверг", "пятница", "суббота"),
}
"""In the order of the files `day-0` to `day-6`."""
MONTHS: Mapping[str, Sequence[str]] = {
    "en": ("january", "february", "march", "april", "may", "june",
           "july", "august", "september", "october", "november", "december"),
    "es": ("enero", "febrero", "marzo", "abril", "mayo", "junio",
           "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin",
           "juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    "it": ("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno",
           "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"),
    "ru": ("января", "февраля", "марта", "апреля", "мая", "июня",
           "июля", "августа", "сентября", "октября", "ноября", "декабря"),
}  # fmt: skip
"""In the order of the files `mon-0` to `mon-11`."""
SENTENCES: Mapping[str, Sequence[str]] = {
    "en": (
        "the baker opens the shop before the sun comes up",
        "we painted the old boat green and named it after our dog",
        "my sister plays the violin every evening after dinner",
        "nobody believed the story until they saw the picture",
        "put two spoons of sugar into the bowl and stir it slowly",
        "the last train to the mountains leaves at noon",
    ),
    "de": (
        "der bäcker öffnet den laden bevor die sonne aufgeht",
        "meine schwester spielt jeden abend nach dem essen geige",
        "der letzte zug in die berge fährt am mittag",
        "wir haben das alte boot grün gestrichen",
        "niemand glaubte die geschichte bis sie das bild sahen",
        "gib zwei löffel zucker in die schüssel und rühre langsam",
    ),
    "es": (
        "el panadero abre la tienda antes de que salga el sol",
        "mi hermana toca el violín todas las noches después de cenar",
        "el último tren a las montañas sale al mediodía",
        "pintamos de verde el viejo barco",
        "nadie creyó la historia hasta que vieron la foto",
        "pon dos cucharadas de azúcar en el bol y remueve despacio",
    ),
}
_OTHER_FORMS = {"январь": "января", "февраль": "февраля", "март": "марта", "апрель": "апреля", "май": "мая",
                "июнь": "июня", "июль": "июля", "август": "августа", "сентябрь": "сентября", "октябрь": "октября",
                "ноябрь": "ноября", "декабрь": "декабря", "mister": "mr", "setiembre": "septiembre"}  # fmt: skip
"""Two spellings of one word."""


def plain(text: str) -> str:
    """Return the words in lower case without marks, in one spelling."""
    words = re.sub(r"[^\w]+", " ", text.lower()).split()
    return " ".join(_OTHER_FORMS.get(word, word) for word in words)


def errors(said: str, heard: str) -> tuple[int, int, int]:
    """Return how many words were said, how many are wrong, and how many of these are missing."""
    said, heard = plain(said), plain(heard)
    if not heard:
        count = len(said.split())
        return count, count, count
    found = jiwer.process_words(said, heard)
    wrong = found.substitutions + found.deletions + found.insertions
    return found.substitutions + found.deletions + found.hits, wrong, found.deletions
