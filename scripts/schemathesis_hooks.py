"""What the requests of scripts/schemathesis.sh have in common beyond its configuration: none gives the server little time.

503 `took_too_long` is the documented answer to a `Request-Timeout` that was too short, and the tool calls every 5xx an error. So that every 5xx
is one, a limit that the server would take becomes a long one. Those that it must refuse (0, words, fractions) are sent as they are: a fixed
value in the configuration would put a sound one in their place, which the tool then expects to be refused.
"""

import schemathesis

ENOUGH = "600"


@schemathesis.hook
def before_call(context, case, kwargs):
    value = (case.headers or {}).get("Request-Timeout")
    text = "" if value is None else str(value).strip().removeprefix("+")
    if text.isascii() and text.isdigit() and 0 < int(text) < int(ENOUGH):
        case.headers["Request-Timeout"] = ENOUGH
