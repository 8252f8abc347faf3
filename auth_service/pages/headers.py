"""The security headers of every page. Pure."""

from __future__ import annotations

import base64
import hashlib
from typing import Literal

FormTarget = Literal["'self'", "'none'"]


def security_headers(*, style: str, form_target: FormTarget, keep_opener: bool) -> dict[str, str]:
    """Headers for a page whose one style element holds exactly `style`; nothing else may load, run or frame it.

    `form_target` is `'self'` only where a form's answer stays on this origin: browsers apply it to every redirect
    that follows (interop.md F6), which is why a decision is answered with a page that goes on by itself.
    `keep_opener`: clients open the flow in a popup and hear of its end through `window.opener`; a
    Cross-Origin-Opener-Policy on any page on the way would cut that for good.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    policy = (
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
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
