"""One file per tab: what it shows, and what its buttons ask for."""
