"""Every query of chat."""
