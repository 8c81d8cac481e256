"""Training of voices: what a recording is cut and measured into, the networks that only training has, and its loop."""
