"""OAuth endpoints, one thin file each: parse, load, decide, apply, answer."""
