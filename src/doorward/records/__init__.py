"""Every stored struct, by owner, and the changes that a decision asks a store to make.

A record is a frozen struct with a key, indexes and an expiry. Every field added after a release has a default, so a
record written by any released version still loads. Nothing here knows how records are stored.
"""
