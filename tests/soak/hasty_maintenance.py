"""`lakehouse maintain` for which minutes are days: it deletes and retires what a soak has written.

python -m tests.soak.hasty_maintenance
"""

import sys
from datetime import datetime, timedelta

import pytest

from maintenance import expiry, maintain
from operations import cli

# In place of the hour in which whoever reads an older version is done, and of the day within which a writer
# commits its files: a micro-batch takes seconds.
_SETTLED = timedelta(minutes=2)
# In place of the days of bronze.keep_days.
_KEPT = timedelta(minutes=2)


def first_moment_kept(_: int, now: datetime) -> datetime:
    return now.replace(microsecond=0) - _KEPT


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        for module in (expiry, maintain):
            patch.setattr(module, "READERS", _SETTLED)
        patch.setattr(expiry, "_WRITERS", _SETTLED)
        patch.setattr(maintain, "first_day_kept", first_moment_kept)
        sys.exit(cli.main(["maintain"]))
