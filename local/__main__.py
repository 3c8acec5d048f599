"""`python -m local COMMAND`."""

from local.cli import main

raise SystemExit(main())
