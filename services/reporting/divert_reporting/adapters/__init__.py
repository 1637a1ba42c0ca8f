"""Reporting's side of Postgres: its tables, the rows and figures read from them, what leaves them as files."""
