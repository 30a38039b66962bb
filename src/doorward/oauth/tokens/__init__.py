"""Tokens: how they are spelled, issued, judged, introspected and revoked."""
