"""Header values made to be expensive for a parser."""

from __future__ import annotations

LENGTH = 16_000
"""Bytes; one header line may have 16,384."""


def filled(piece: str, *, start: str = "", end: str = "", length: int = LENGTH) -> str:
    """A value of this length that repeats one piece."""
    return start + piece * ((length - len(start) - len(end)) // len(piece)) + end


VALUES = {
    "Content-Type": [
        *("(" * n for n in (60, 400, 4000, LENGTH)),
        filled("(", start="application/json; charset="),
        filled("(a", start='application/json; boundary="'),
        filled('"', start="a/b; c="),
        filled('\\"', start='a/b; c="'),
        filled(";", start="a/b"),
        filled("; x*0*=a'b'%41", start="a/b"),
        filled("=?utf-8?q?=28?= ", start="a/b; c="),
        filled(" ", start="a/b", end="x"),
        filled("a", start="a/"),
        filled("/"),
    ],
    "Accept": [filled("("), filled("a/b;q=0.1,"), filled(","), filled(";q="), filled('"'), filled("*/*;")],
    "Accept-Language": [filled("en;q=0.1,")],
    "Accept-Encoding": [filled("gzip,")],
    "Authorization": [
        "Bearer " + filled("."),
        "Bearer " + filled("a."),
        "Bearer " + filled("e30."),
        "Bearer " + filled("="),
        "Bearer " + filled(" ") + "x",
        "Basic " + filled("Og=="),
        "Basic " + filled("A"),
        "Basic " + filled("="),
        filled("Bearer "),
        filled("("),
        filled('a="b", ', start="Digest "),
    ],
    "Cookie": [
        *(filled(piece) for piece in ("a=b; ", "=", '"', 'a="', "a ", "a;", " ", ";", "Mon, ", "\\", "a=b,")),
        filled("\\", start='sallyport-browser="'),
        filled("\\073", start='__Host-sallyport-session="', end='"'),
        filled(" ", start="a=", end="\x80"),
        filled("a", start="sallyport-session="),
    ],
    "Forwarded": [filled("("), filled('for="['), filled("for=a;"), filled(",")],
    "X-Forwarded-For": [
        *(filled(piece) for piece in ("1.2.3.4,", ",", "::1,", "[", "%", "1" * 79 + ",")),
    ],
    "X-Forwarded-Host": [filled("a,")],
    "X-Forwarded-Proto": [filled("https,")],
    "If-None-Match": [filled('"a",'), filled("W/"), filled(","), filled('"'), filled("9", start='"', end='"')],
    "If-Match": [filled('"a",'), filled('W/"')],
    "If-Modified-Since": [filled("("), filled("Mon, "), filled("9")],
    "If-Unmodified-Since": [filled("(")],
    "If-Range": [filled("(")],
    "Range": [filled("bytes=0-,"), filled("0-0,", start="bytes="), filled("9", start="bytes=")],
    "Prefer": [
        *(filled(piece) for piece in ("wait=", "wait=1,", '"', ";")),
        filled(" ", start="wait", end="="),
        "wait=" + "9" * 5000,
    ],
    "Expect": [filled("100-continue,"), filled("("), "\x80", "x"],
    "Host": [filled("["), filled("a."), filled(":"), filled("9", start="a:"), filled("%"), "\x80", filled("xn--a.")],
    "Transfer-Encoding": [filled("chunked,"), filled("("), filled("gzip,", end="chunked")],
    "Content-Encoding": [filled("gzip,"), filled(",")],
    "Content-Length": [filled("1"), filled("("), "-1", "1, 1"],
    "Content-Disposition": [filled("(")],
    "Origin": [
        *(filled(piece) for piece in ("(", "http://")),
        *(filled(piece, start="http://") for piece in ("[", "a.", ":", "@")),
    ],
    "Access-Control-Request-Headers": [filled("mcp-param-a,"), filled(",")],
    "Traceparent": [filled("0"), filled("-"), filled("0", start="00-" + "a" * 32 + "-" + "b" * 16 + "-01-")],
    "Tracestate": [filled("a=b,")],
    "Baggage": [filled("a=b,")],
    "Upgrade": [filled("websocket,"), filled("h2c,")],
    "Connection": [filled("close,"), filled("keep-alive,")],
    "User-Agent": [filled("("), filled("/")],
    "Mcp-Protocol-Version": [filled("2")],
    "Mcp-Method": [filled("(")],
    "Mcp-Name": [filled("QQ==", start="=?base64?", end="?="), filled("=?base64?")],
    "Mcp-Session-Id": [filled("(")],
    "Last-Event-Id": [filled("(")],
    "Sallyport-Replica": [filled("(")],
    "Sec-Fetch-Site": [filled("(")],
}  # fmt: skip
