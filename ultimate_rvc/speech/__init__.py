"""Speech from text: spoken by an engine that others made, then converted like any other track."""
