"""The security headers of every page of both services. Pure."""

from __future__ import annotations

import base64
import hashlib
from typing import Literal

FormTarget = Literal["'self'", "'none'"]


def security_headers(*, style: str, form_target: FormTarget, keep_opener: bool, script: str = "") -> dict[str, str]:
    """Headers for a page whose only style element contains exactly `style`; nothing else may load, run or frame it.

    `script` is the exact content of its only script element; empty if it has none.

    `form_target` is `'self'` only if the response to a form stays on this origin: browsers apply it to every redirect
    that follows (interop.md F6). Therefore the response to a decision is a page that navigates to the client.
    `keep_opener`: clients open the flow in a popup and observe its end through `window.opener`; a
    Cross-Origin-Opener-Policy on any page of the flow would sever it permanently.
    """
    policy = (
        "default-src 'none'",
        f"style-src {_source(style)}",
        *((f"script-src {_source(script)}",) if script else ()),
        "img-src data:",
        f"form-action {form_target}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
    headers = {
        "Content-Security-Policy": "; ".join(policy),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex, nofollow",
    }
    if not keep_opener:
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return headers


def _source(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"
