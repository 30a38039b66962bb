"""Operations on clients, accounts, header tokens and connections, for operators and users."""
