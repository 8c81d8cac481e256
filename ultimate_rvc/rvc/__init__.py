"""The engine: torch and signals. It knows no command line, no web page and no network."""
