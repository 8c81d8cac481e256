"""The warm process over HTTP: `app.create_app` makes the application, `run.serve` listens."""
