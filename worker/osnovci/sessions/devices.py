"""What kind of device a User-Agent names: a guess, good enough for counts and a list. Pure."""

import re

from osnovci.session_contract import DeviceType

KINDS = (
    (re.compile(r"bot\b|crawler|spider|curl/|wget/|python-|headless", re.IGNORECASE), DeviceType.BOT),
    (re.compile(r"ipad|tablet|kindle|silk/|android(?!.*mobile)", re.IGNORECASE), DeviceType.TABLET),
    (re.compile(r"mobi|iphone|ipod|android", re.IGNORECASE), DeviceType.MOBILE),
    (re.compile(r"windows nt|macintosh|x11|linux|cros", re.IGNORECASE), DeviceType.DESKTOP),
)  # fmt: skip
"""In this order; the first that matches."""


def device_type(user_agent: str) -> DeviceType:
    """Give the kind of device."""
    return next((kind for words, kind in KINDS if words.search(user_agent)), DeviceType.OTHER)
