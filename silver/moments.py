"""Times as the wire format writes them, read without a clock. All Column -> Column."""

from pyspark.sql import Column
from pyspark.sql import functions as F

_DAY = r"\d{4}-\d{2}-\d{2}"
_ISO_DATE = f"^{_DAY}$"
_ISO_TIMESTAMP = rf"^{_DAY}[Tt ]\d{{2}}:\d{{2}}(:\d{{2}}([.,]\d{{1,9}})?)?\s?([Zz]|[+-]\d{{2}}(:?\d{{2}})?)?$"
_MINUTE_AND_ZONE = r"^(.{10}[T ]\d{2}:\d{2})(\s?[Z+-].*)$"
# Digits as JSON numbers and strings bring them, at most to the year 9999 in milliseconds.
_EPOCH = r"^\d{1,15}(\.\d+)?$"
# Seconds reach this value in the year 5138, milliseconds did in 1973.
_FIRST_MILLISECONDS = 100_000_000_000


def event_time(text: Column) -> Column:
    """A TIMESTAMP from ISO 8601 (no zone means UTC) or epoch seconds or milliseconds.

    Null where the text is none of them, is no real date, or lies before 1970.
    """
    # Spark wants seconds before a zone
    to_the_second = F.regexp_replace(F.upper(text), _MINUTE_AND_ZONE, "$1:00$2")
    iso = F.try_to_timestamp(F.translate(to_the_second, ",", "."))
    number = text.try_cast("decimal(24,6)")
    micros = F.when(number < _FIRST_MILLISECONDS, number * 1_000_000).otherwise(number * 1_000)
    moment = F.when(text.rlike(_ISO_TIMESTAMP), iso).when(
        text.rlike(_EPOCH), F.timestamp_micros(micros.try_cast("bigint"))
    )
    return F.when(moment >= F.timestamp_micros(F.lit(0).cast("bigint")), moment)


def calendar_date(text: Column) -> Column:
    """A DATE from an ISO date, or the UTC day of an ISO timestamp. Null where it is no real date."""
    day = F.when(text.rlike(_ISO_DATE), text.try_cast("date"))
    return F.coalesce(day, F.when(text.rlike(_ISO_TIMESTAMP), event_time(text).cast("date")))
