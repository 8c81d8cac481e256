"""A cover's file name, from the song's and the voice's."""

import os

from ultimate_rvc.names import LONGEST_NAME_BYTES, safe_name

LONGEST_VOICE_BYTES = 80


def cover_name(song: str, voice: str) -> str:
    """'<song> (<voice> Ver)'; a long song is shortened before its voice is."""
    ending = f" ({safe_name(voice, LONGEST_VOICE_BYTES)} Ver)"
    return safe_name(song, LONGEST_NAME_BYTES - len(os.fsencode(ending))) + ending
