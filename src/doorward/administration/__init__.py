"""Administration: operations defined once, and run by both the command line and the JSON API."""
