"""Every query of analyses."""
