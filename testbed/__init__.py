"""Servers to test a checker with: good ones, and for each rule one that is broken by a single change.

Each is a function from request to answer with its own clock, so a thousand of them run in a second; `python -m testbed`
puts one on a port, for checkers of any other make.
"""
