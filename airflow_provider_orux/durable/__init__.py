"""One payment that survives any crash: the ledger, the job that it pays for, and what is delivered."""
