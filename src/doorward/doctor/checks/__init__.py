"""The checks by area, each a generator of requests; `doctor/run.py` drives them."""
