"""Instants as SQL: those of our years can be read, and computed with."""

from common.bounds import FIRST_YEAR, LAST_YEAR

FIRST = f"TIMESTAMPTZ '{FIRST_YEAR}-01-01 00:00Z'"
LAST = f"TIMESTAMPTZ '{LAST_YEAR}-12-31 00:00Z'"
# No clock of ours is further ahead of `:now`.
HAS_COME = f"BETWEEN {FIRST} AND CAST(:now AS timestamptz) + interval '1 day'"
