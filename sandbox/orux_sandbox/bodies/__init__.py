"""Reading request bodies: forms, and tables of fields."""
