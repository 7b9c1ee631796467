"""A report for tests, with every section filled and names as hostile as data can be, and its search."""

from datetime import UTC, date, datetime

from operations.report.contents import (
    Batch,
    Check,
    Checks,
    DataQuality,
    Flow,
    Grouping,
    Metric,
    ModelQuality,
    Period,
    Popularity,
    Recommendation,
    Recommendations,
    Rejection,
    Rejections,
    Report,
    Sample,
    Stream,
    StreamHistory,
    TableState,
    Title,
    UserGroup,
    UserList,
)
from tests.support.chromium import Browser

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

HOSTILE = (
    "</script><script>document.title = 'owned'</script>",  # ends the data's script and starts one of its own
    "<img src=x onerror=\"document.title='owned'\"><!--",  # runs without a script and hides what follows
    "' onfocus=alert(1) autofocus x=\"",  # breaks out of an attribute
    "{{ 7 * 7 }} ${7 * 7} {% raw %}",  # template syntax
    "\u2028line\u2029paragraph",  # line ends in older JavaScript
    "שָׁלוֹם \u202eabc",  # right to left, and an override that would turn what follows
    "👩‍👩‍👧‍👦 🎬 émigré naïve",  # joined emoji, accents
    "nul \0 escape \x1b[31m delete \x7f",  # control characters
    "&lt;b&gt; &amp; &#60;",  # entities that must stay as they are
    'say "hi", it\'s <b>bold</b>',  # quotes and markup
    "x" * 10_000,  # wider than any page
)

FLOW = Flow(batches=2, taken=1000, applied=970, superseded=5, deleted=3, quarantined=22)


def full_report() -> Report:
    """The names of titles, users, genres, rules, fields and table groups are all HOSTILE."""
    return Report(
        made_at=NOON,
        tables=(
            TableState("bronze.events", 1, 400, NOON, {}, "one record"),
            TableState("bronze.feedback", 1, 600, NOON, {}, "one record"),
            TableState("silver.users", 2, 12, NOON, {}, "one user"),
            TableState("silver.content", 2, 1234, NOON, {}, "one title"),
            TableState("silver.feedback", 2, 56_789, None, {}, "one event"),
            TableState(
                "gold.recommendations",
                7,
                22,
                NOON,
                {"silver.users": 2, "silver.content": 2},
                "one title",
            ),
        ),
        removed=0,
        flow=FLOW,
        rejections=rejections(),
        streams=streams(),
        popularity=popularity(),
        genres=(grouping(),),
        quality=ModelQuality(
            "als-0123456789ab",
            ("blend", "popularity", "mean"),
            (
                Metric("rmse", {"blend": 0.9, "mean": 1.2}),
                Metric("ndcg_at_10", {"blend": 0.13, "popularity": 0.07}),
                Metric("test_ratings", {"blend": 200.0}),
            ),
        ),
        checks=DataQuality(
            (Checks("silver.users", 2, 9, 1, NOON), Checks("silver.content", 2, 10, 0, NOON)),
            (Check("silver.users", HOSTILE[0], None, HOSTILE[1], "0"),),
        ),
        recommendations=recommendations(),
    )


def empty_report() -> Report:
    """A lakehouse with nothing but bronze."""
    return Report(
        made_at=NOON,
        tables=(TableState("bronze.events", 0, 0, None, {}, "one record"),),
        removed=0,
        flow=None,
        rejections=None,
        streams=None,
        popularity=None,
        genres=(),
        quality=None,
        checks=None,
        recommendations=None,
    )


def rejections() -> Rejections:
    samples = tuple(
        Sample("topic", 0, offset, NOON, field=text, value=f"value {text}", record=text, missing=0)
        for offset, text in enumerate(HOSTILE)
    )
    silent = (Sample("topic", 0, 99, NOON, field=None, value=None, record="", missing=1234),)
    return Rejections(22, 20, (Rejection("not_json_object", 20, samples), Rejection(HOSTILE[0], 2, silent)))


def streams() -> StreamHistory:
    batches = tuple(Batch(NOON, 100 * number, 2.0, 7) for number in range(1, 12))
    one = (Batch(NOON, 6600, 22.0, None),)
    return StreamHistory(
        (
            Stream("bronze.events", 11, 6600, 22.0, batches),
            Stream("silver", 1, 6600, 22.0, one, delays=(4.0, 8.0)),
        ),
        shown=60,
        unreadable=1,
    )


def popularity() -> Popularity:
    periods = tuple(Period(date(2026, month, 1), month, 2, 1, 3) for month in range(1, 13))
    titles = tuple(
        Title(f"t{place}", name, "movie", 100 - place, None if place else 4.25, tuple(range(12)))
        for place, name in enumerate(HOSTILE)
    )
    return Popularity("month", date(2026, 1, 3), date(2026, 12, 30), periods, titles)


def grouping() -> Grouping:
    names = tuple(name[:80] for name in HOSTILE)
    shares = tuple(place / len(names) for place in range(len(names)))
    return Grouping(
        "clasificacion",
        names,
        (UserGroup("PG", 3, 40, shares), UserGroup(HOSTILE[0], 1, 5, shares[::-1]), UserGroup(None, 1, 2, shares)),
        left_out=2,
    )


def recommendations() -> Recommendations:
    """Two lists of all titles: for Lucía, and for a user with a hostile name; a third user is not embedded."""
    own = tuple(Recommendation(place, 4.5 - place / 10, "als") for place in range(len(HOSTILE)))
    other = (Recommendation(len(HOSTILE), 3.0, "popularity"),)
    lists = (
        UserList("u1", "Lucía Ñandú", own),
        UserList("</script>", HOSTILE[1], own[:1]),
        UserList("u3", "", other),
    )
    return Recommendations(4, (*HOSTILE, "El viaje"), lists)


def look_for(browser: Browser, text: str) -> tuple[str, list[str]]:
    """Type a search like a user; returns the result line and the names of the users shown."""
    browser.evaluate("document.getElementById('wanted').select()")
    browser.evaluate("document.getElementById('wanted').focus()")
    if text:
        browser.call("Input.insertText", text=text)
    else:
        browser.press("Backspace")
    names = "[...document.querySelectorAll('#results .user bdi:first-child')].map((name) => name.textContent)"
    return browser.evaluate("document.getElementById('found').textContent"), browser.evaluate(names)
