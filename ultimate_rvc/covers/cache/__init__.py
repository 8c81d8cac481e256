"""What was made for a song is kept under a key of all that it depends on, and found again instead of made again.

`contents` says what a file holds, `tasks` what a result depends on, `store` keeps results, `upkeep` bounds and shows
them.
"""
