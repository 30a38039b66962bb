"""The checks by area, each a generator of requests; `doctor/engine/run.py` drives them."""
