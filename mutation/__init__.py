"""Mutation testing of the defences: the mutants that each attack row names, and randomly drawn mutants.

A mutant is one small change of the source that takes a defence away. Tests that still pass have missed it. The work
tree is never changed: every mutant is tried in a copy.
"""
