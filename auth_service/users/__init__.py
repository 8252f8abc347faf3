"""The people who sign in: their records and passwords."""
