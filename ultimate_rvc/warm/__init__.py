"""A warm process: what was loaded for one conversion stays loaded for the next."""
