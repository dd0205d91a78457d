"""The end of a JSON value by its brackets and strings, whatever stands between them."""

from __future__ import annotations

import re

_STRING = rb'"(?:[^"\\\r\n]++|\\[^\r\n])*+"'  # without line breaks: JSON has none in strings
#: All up to the next bracket, within an element; and between elements, up to the next bracket or comma.
_UP_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb")*+")
_UP_TO_MARK = re.compile(rb'(?:[^"\[\]{},]++|' + _STRING + rb")*+")


def element_end(data: bytes, start: int, limit: int) -> int | None:
    """Where the comma or bracket stands that ends the element, None where it isn't in the data."""
    depth, place = 0, start
    while True:
        match = (_UP_TO_BRACKET if depth else _UP_TO_MARK).match(data, place, limit)
        assert match is not None
        place = match.end()
        if place == limit:
            return None
        mark = data[place : place + 1]
        if depth == 0 and mark in b",]":
            return place
        if mark == b'"' and data.find(b"\n", place, limit) < 0:
            return None  # the string may end in what is still to come
        if mark in b"{[":
            depth += 1
        elif mark in b"}]":
            depth = max(0, depth - 1)
        place += 1
