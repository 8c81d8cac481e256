"""The voice library."""

from ultimate_rvc.voices.library import VoiceFiles, find_voice, list_voices

__all__ = ["VoiceFiles", "find_voice", "list_voices"]
