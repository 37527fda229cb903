"""`countersign selftest`: every guardrail and rule type, tripped through the real functions."""
