"""The composition root: settings, store, clock and entropy in; an ASGI application out. No decisions here."""
