"""What operators and people do with clients, accounts, header tokens and connections."""
