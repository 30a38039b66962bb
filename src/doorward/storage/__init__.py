"""The storage port, its backends, and the key file that protects what they hold."""
