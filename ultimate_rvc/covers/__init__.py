"""From a song to its cover. `ultimate_rvc.covers.cover` makes covers, `ultimate_rvc.covers.track` single tracks."""
