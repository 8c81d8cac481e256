"""What is read aloud: rows of random words from a pronouncing dictionary, so that every phone meets every other.

Words alone carry no licence; CMUdict, which pocketsphinx brings, is free in any case.
"""

import random
from pathlib import Path

WORD_LETTERS = range(2, 8)
SENTENCE_WORDS = range(4, 9)


def dictionary() -> list[str]:
    """The short words of pocketsphinx's CMUdict, sorted."""
    import pocketsphinx

    file = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
    words = {line.split(" ", 1)[0] for line in file.read_text().splitlines()}
    return sorted(word for word in words if word.isalpha() and len(word) in WORD_LETTERS)


def sentences(count: int, chance: random.Random, words: list[str]) -> list[str]:
    """Rows of random words with a comma now and then."""
    return [_sentence(chance, words) for _ in range(count)]


def _sentence(chance: random.Random, words: list[str]) -> str:
    row = [chance.choice(words) for _ in range(chance.choice(SENTENCE_WORDS))]
    comma = chance.randrange(len(row))
    return " ".join(word + "," * (place == comma) for place, word in enumerate(row)) + "."
