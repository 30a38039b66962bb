"""One thin file per OAuth endpoint: parse, load, decide, apply, answer."""
