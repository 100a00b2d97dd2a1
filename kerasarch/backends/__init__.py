"""The only code that knows which backend runs."""
