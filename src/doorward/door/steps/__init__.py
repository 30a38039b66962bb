"""The steps of a request, one per module; `door/door.py` lists them in order."""
