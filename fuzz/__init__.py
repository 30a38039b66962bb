"""Whatever a stranger sends ends in a verdict of ours: one table of parsers, and campaigns for other ends.

The tests run each of them a little; `python -m fuzz` runs them for as long as one likes and prints a table.
"""
