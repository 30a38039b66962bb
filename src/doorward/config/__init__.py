"""Settings: the frozen model, and the only code that reads flags, environment and files."""
