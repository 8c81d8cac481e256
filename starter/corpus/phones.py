"""The phones that the encoder is taught: the 39 of CMUdict and silence, and what other engines call them."""

from typing import NamedTuple

PHONES = (
    "sil", "aa", "ae", "ah", "ao", "aw", "ay", "b", "ch", "d", "dh", "eh", "er", "ey", "f", "g", "hh", "ih",
    "iy", "jh", "k", "l", "m", "n", "ng", "ow", "oy", "p", "r", "s", "sh", "t", "th", "uh", "uw", "v", "w", "y",
    "z", "zh",
)
VOWELS = frozenset((
    "aa", "ae", "ah", "ao", "aw", "ay", "eh", "er", "ey", "ih", "iy", "ow", "oy", "uh", "uw",
))

# Flite and Festival's American voices: CMUdict's phones and the reduced vowels that it leaves out.
FESTIVAL = {phone: phone for phone in PHONES} | {"pau": "sil", "ax": "ah", "axr": "er", "ix": "ih", "el": "l"}
FESTIVAL |= {"em": "m", "en": "n"}
FESTIVAL |= {"nx": "n", "dx": "t", "hv": "hh", "brth": "sil", "h#": "sil", "ssil": "sil", "h": "hh"}

# eSpeak NG's mnemonics of its English voices. Two phones share the time of their symbol equally.
ESPEAK: dict[str, tuple[str, ...]] = {
    symbol: tuple(phones.split())
    for symbol, phones in {
        **{s: s for s in ["b", "d", "f", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z"]},
        "g": "g", "h": "hh", "j": "y", "D": "dh", "T": "th", "S": "sh", "Z": "zh", "N": "ng",
        "tS": "ch", "dZ": "jh", "t#": "t", "r-": "r", "l^": "l", "R": "r", "r/": "r", "x": "k", "t2": "t", "d2": "d",
        "tr": "t r", "w#": "w", "L": "l", "n^": "n", "n-": "n", "m-": "m", "?": "sil", "_": "sil", "_:": "sil",
        "i": "iy", "i:": "iy", "I": "ih", "I2": "ih", "E": "eh", "E2": "eh", "e": "eh", "a": "ae", "aa": "ae",
        "a#": "ah", "A:": "aa", "A": "aa", "A#": "aa", "0": "aa", "0#": "aa", "O": "ao", "O:": "ao", "O2": "ao",
        "V": "ah", "@": "ah", "@2": "ah", "@5": "ah", "@-": "ah", "@L": "ah l", "3": "er", "3:": "er", "U": "uh",
        "u": "uw", "u:": "uw", "eI": "ey", "aI": "ay", "OI": "oy", "aU": "aw", "oU": "ow", "o": "ow", "o:": "ow",
        "IR": "ih r", "i@": "ih ah", "i@3": "ih r", "e@": "eh r", "e@3": "eh r", "EE": "eh r", "U@": "uh r",
        "A@": "aa r", "O@": "ao r", "o@": "ao r", "aI@": "ay ah", "aI3": "ay er", "aU@": "aw er", "u:3": "uw er",
        "_^_": "sil", "oI": "oy", "E#": "eh", "I#": "ih", "i2": "iy", "u2": "uw",
        "@3": "er", "_|": "sil", "_!": "sil", ";": "",
        "VR": "ah r", "aI2": "ay", "t[": "t",
    }.items()
}


class Phone(NamedTuple):
    """A phone of `PHONES` and its time in seconds."""

    start_s: float
    end_s: float
    name: str


def joined(phones: list[Phone]) -> list[Phone]:
    """Neighbouring silences as one; phones of no length are left out."""
    result: list[Phone] = []
    for phone in phones:
        if phone.end_s <= phone.start_s:
            continue
        if result and result[-1].name == phone.name == "sil":
            result[-1] = result[-1]._replace(end_s=phone.end_s)
        else:
            result.append(phone)
    return result


def fitted(phones: list[Phone], length_s: float) -> list[Phone]:
    """Times stretched so that the last phone ends with the sound: diphone voices are a little off their own plan."""
    scale = length_s / phones[-1].end_s
    return [Phone(start_s * scale, end_s * scale, name) for start_s, end_s, name in phones]
