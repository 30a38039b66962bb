"""What an administrator does, each thing defined once: the command line and the JSON API both run these operations."""
