"""What keeps data from becoming code: the page's policy, text made visible, and JSON that is safe in HTML."""

import base64
import hashlib
import json

from markupsafe import Markup

from operations.report.contents import Recommendations
from operations.report.language import Language

# A longer title, name or value is cut, with a note of how much is missing.
LONGEST_TEXT = 300

# Characters that a browser does not show are replaced by Unicode's pictures of them.
_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"} | {127: 0x2421}
# Inside a script element these would end it, or end a line of it in older browsers.
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def policy(style: str, script: str) -> str:
    """The Content Security Policy: this style, this script, images inside the file, and nothing else."""
    rules = (
        "default-src 'none'",
        f"style-src 'sha256-{_hash(style)}'",
        f"script-src 'sha256-{_hash(script)}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(rules)


def shown_text(text: str, longest: int = LONGEST_TEXT, *, language: Language) -> str:
    """The text as people can read it: control characters visible, very long text cut."""
    cut = visible(text[:longest])
    missing = len(text) - longest
    if missing <= 0:
        return cut
    more: str = language.words["page"]["more_characters"]
    return cut + more.format(count=language.number(missing))


def visible(text: str) -> str:
    """The text with Unicode's pictures of control characters in their place."""
    return text.translate(_PICTURES)


def island(recommendations: Recommendations, language: Language) -> Markup:
    """The lists as JSON that is safe in a script element: titles once, and each list as indexes into them."""
    lists = [
        [
            shown_text(user.id, language=language),
            shown_text(user.name, language=language),
            [[one.title, round(one.rating, 2), language.called("sources", one.source)] for one in user.titles],
        ]
        for user in recommendations.lists
    ]
    titles = [shown_text(title, language=language) for title in recommendations.titles]
    written = json.dumps({"titles": titles, "users": lists}, ensure_ascii=False, separators=(",", ":"))
    for character, escaped in _UNSAFE.items():
        written = written.replace(character, escaped)
    return Markup(written)  # noqa: S704 - no character that HTML reads is left in it


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
