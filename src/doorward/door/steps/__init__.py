"""What a request goes through, one step in each module; `door/door.py` has them in their order."""
