"""What every gateway shares: accounts, keys and charges, jobs and their future, the clock, the database."""
