"""From recordings to slices: what is in a dataset's folder, what of it can be used, and where it is cut."""
