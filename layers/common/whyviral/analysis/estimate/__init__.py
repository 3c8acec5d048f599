"""Estimates: what a call would use of the plan and may cost, without starting, counting or fetching anything."""
