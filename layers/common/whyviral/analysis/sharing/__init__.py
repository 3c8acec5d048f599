"""Share links: anyone with the link reads the public part of a report, until its owner revokes the link."""
