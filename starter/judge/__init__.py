"""How good a voice and its encoder are, told by tools that had no part in making them.

`python -m starter.judge` judges a voice on real recordings, `python -m starter.judge.encoder` an encoder's features.
Pitch is tracked by WORLD, speakers are told apart by Resemblyzer, words are heard by PocketSphinx.
"""
