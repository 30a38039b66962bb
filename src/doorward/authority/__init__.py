"""Load, decide, apply: the loop that turns a pure decision into a transaction, and the records that only it keeps."""
