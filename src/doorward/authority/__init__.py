"""Load, decide, apply: what turns a pure decision into a transaction, and the records that only it keeps."""
