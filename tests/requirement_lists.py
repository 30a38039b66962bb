"""The lists that the requirements were taken from: every number of each, so that none can be left out unseen.

A number is either in the manifest or in `ABSENT`; what is there only in part is also in `LACKING`.
"""

from __future__ import annotations


def numbered(letter: str, count: int, *, digits: int = 1) -> tuple[str, ...]:
    """Return the ids from one to `count`."""
    return tuple(f"{letter}{number:0{digits}}" for number in range(1, count + 1))


LISTS = {
    "what the transport must do": numbered("T", 25),
    "what an authorization server must do": numbered("A", 20),
    "what a protected resource must do": numbered("R", 7),
    "security practices": numbered("X", 12),
    "extensions of the protocol": numbered("EXT-", 3),
    "attacks on sign-in": numbered("A-", 13, digits=2),
    "attacks on consent and browser": numbered("B-", 14, digits=2),
    "attacks on tokens": numbered("T-", 11, digits=2),
    "attacks on registration": numbered("R-", 11, digits=2),
    "attacks through outgoing requests": numbered("S-", 10, digits=2),
    "attacks on the door": numbered("U-", 10, digits=2),
    "what the tests of the leading OAuth library for servers hold": numbered("P-", 43, digits=2),
    "what the best authorization servers have": numbered("F-", 25, digits=2),
}

ABSENT = {
    "F-14": "People sign in with local accounts or by an enterprise's assertion; other providers are not built.",
}
"""What is not here, and why."""

LACKING = {
    "P-33": "There are no properties to split: what belongs to a user stays with the operator, under the user's name.",
    "P-34": "The operator's function changes the words of a refusal; code and status stay.",
    "F-15": "Records live in memory, SQLite or Postgres, and not in a cache that may forget.",
    "F-17": "A trace goes on and is in the log; the door makes no spans of its own.",
    "F-18": "Browser sessions are ended with their user, and not listed.",
}
"""What a requirement of the manifest leaves out of the row that it comes from."""
