"""The rule types. A new one is a file here, an entry in `Rule`, and its test."""

from common.rules.price_below_pct_of_ref import PriceBelowPctOfRef

Rule = PriceBelowPctOfRef
