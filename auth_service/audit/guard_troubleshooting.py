"""The entries of `explain` for mcp_service, which keeps no errors itself: meaning and remedy by error id."""

from __future__ import annotations

from typing import Final

_CLIENT: Final = "The client's request is at fault; report it to the client's developer, with the private reason."
_TRANSIENT: Final = "The client may retry. Frequent: "
_UPSTREAM_LOG: Final = "See the log of the MCP server behind the guard at the time of the request."

_DOCUMENT: Final = (
    "A document of the issuer (its keys or a status list) was refused by this rule; the last good one is used.",
    (
        "Open the address in the log line. If the document is right, report it. If not, something else than the issuer "
        "answers there: check MCP_JWKS_URL and MCP_STATUS_LISTS_URL."
    ),
)

GUARD_ERRORS: Final[dict[str, tuple[str, str]]] = {
    # 401 and 403: the credential
    "credential": (
        "The request has no access token, or one of another scheme than Bearer. Every client begins so, once.",
        "No action needed. If a client goes on so after its sign-in, it does not send its token: report it.",
    ),
    "authorization_form": ("The access token has characters that no token has (RFC 6750 section 2.1).", _CLIENT),
    "authorization_single": ("The request has several Authorization headers.", _CLIENT),
    "token_in_query": ("The access token is in the query string, where it gets logged.", _CLIENT),
    "token_*": (
        "The access token is malformed, altered, or not one of this issuer; the reason says which rule it fails.",
        "Frequent from one address: probably an attack. From one client: remove its connection and add it again.",
    ),
    "token_exp": (
        "The access token has expired, or has no acceptable end. Clients then refresh it by themselves.",
        "If tokens expire at once, compare the clocks of both services.",
    ),
    "token_iat": ("The access token is from the future.", "Compare the clocks of both services."),
    "token_nbf": ("The access token is not valid yet.", "Compare the clocks of both services."),
    "token_iss": (
        "The access token is of another issuer.",
        "Compare MCP_ISSUER with AUTH_ISSUER: they are the same text, byte by byte.",
    ),
    "token_aud": (
        "The access token is for another resource.",
        (
            "Compare MCP_RESOURCE with the identifiers in AUTH_RESOURCES: the same text, byte by byte. Another "
            "audience of tokens goes into MCP_RESOURCE_ALIASES."
        ),
    ),
    "token_kid": (
        "The access token is signed by a key that the issuer does not publish.",
        (
            "If it is of your issuer, its keys were replaced or revoked: users sign in again. `auth_service keys "
            "list` shows the keys; /readyz of mcp_service shows when it fetched them."
        ),
    ),
    "token_revoked": (
        "The access was ended: by its user, its client or an operator, or because a token was stolen.",
        "`auth_service audit --event grant.` shows by whom. The client signs in again.",
    ),
    "scope": (
        "The user granted fewer scopes than the operation needs; the reason names both. Clients then ask for more.",
        "If no user can grant the scope, compare the scope map with AUTH_RESOURCES: `mcp_service check-config`.",
    ),
    "origin": (
        "A web page of an origin that is not allowed called the server.",
        "If the page is yours, or that of a client you use, add its origin to MCP_ALLOWED_ORIGINS.",
    ),
    # The message
    "accept": ("The Accept header allows neither JSON nor a stream of events.", _CLIENT),
    "body_id": ("The id of the JSON-RPC message is neither text nor a number.", _CLIENT),
    "body_shape": ("Method or params of the JSON-RPC message have the wrong type.", _CLIENT),
    "body_single": ("The body is not one JSON-RPC message. Batches left MCP with the revision 2025-06-18.", _CLIENT),
    "body_spelling": (
        "A member of the message is spelled nearly as one that decides about access.",
        f"Probably an attack on a lenient parser. Otherwise: {_CLIENT}",
    ),
    "body_type": ("A member of the message has the wrong type.", _CLIENT),
    "header_form": ("A header that is passed on has characters that a header cannot have.", _CLIENT),
    "header_twice": ("An MCP header is sent twice.", _CLIENT),
    "header_version": ("The header MCP-Protocol-Version names another revision than the message.", _CLIENT),
    "header_method": ("The header Mcp-Method names another method than the message.", _CLIENT),
    "header_name": ("The header Mcp-Name names another tool, prompt or resource than the message.", _CLIENT),
    "session": (
        "The session is unknown to this replica, or belongs to another user. Clients then begin a new one.",
        "Frequent after each call: several replicas without MCP_UPSTREAM_SESSION_KEY, or the server forgets sessions.",
    ),
    "limit_*": (
        "A rate limit, or the bound on requests in progress, of this name was exceeded (docs/rate-limits.md).",
        (
            "If legitimate clients share an address, add it to MCP_RATE_LIMIT_SHARED_NETWORKS. Behind a proxy, add the "
            "proxy to MCP_TRUSTED_PROXIES: otherwise all clients count as one."
        ),
    ),
    # Keys and status lists of the issuer
    "keys_loaded": (
        "No keys of the issuer could be fetched since the start, or none for longer than MCP_JWKS_MAX_STALE.",
        "/readyz of mcp_service names the cause. Compare MCP_ISSUER and MCP_JWKS_URL; is auth_service running?",
    ),
    "status_lists_*": (
        "The status lists of the issuer, which tell what was revoked, could not be fetched.",
        "/readyz of mcp_service names the cause. Compare MCP_STATUS_LISTS_URL; is auth_service running?",
    ),
    **dict.fromkeys(
        ("duplicate_kid", "json", "no_keys", "private", "rsa_size", "symmetric", "too_many", "ttl"), _DOCUMENT
    ),
    "key": ("A key of the issuer cannot verify signatures, and is passed over.", "`auth_service keys list` shows all."),
    "status_index": ("The token names an entry that its status list does not have.", "Report it with the reason."),
    "status_list": ("The status list of a token is not one of this issuer.", "Compare MCP_STATUS_LIST_PREFIXES."),
    "revoked": ("The access was ended.", "`auth_service audit --event grant.` shows by whom."),
    # Forwarding
    "forwarding": (
        "auth_service did not answer a request that was forwarded to it.",
        "Is auth_service running, and reached from mcp_service at MCP_FORWARD_OAUTH_TO?",
    ),
    "forwarding_bound": ("Too many requests are being forwarded at once.", f"{_TRANSIENT}auth_service is slow."),
    "forwarding_network_bound": (
        "Too many requests of one network are being forwarded at once.",
        "If legitimate clients share an address, add it to MCP_RATE_LIMIT_SHARED_NETWORKS.",
    ),
    "forwarding_refused": (
        "What answers at MCP_FORWARD_OAUTH_TO is not the auth_service of MCP_ISSUER, or does not trust this server.",
        "The reason says which; docs/forwarding.md has the settings of both services.",
    ),
    "forwarded_query": ("The query has characters that a URL cannot have.", _CLIENT),
    # The server behind the guard
    "principal_size": (
        "What the server is told about the user is too long for a header: usually too many groups.",
        "Name fewer claims in MCP_UPSTREAM_CLAIMS, or use MCP_UPSTREAM_IDENTITY=assertion.",
    ),
    "assertion_keys": (
        "The keys that sign assertions for the server cannot be read.",
        "Check MCP_STATE_DIR; `mcp_service keys list` shows what is in it.",
    ),
    "list_answer": (
        "A list of the server cannot be read, so that it could not be filtered.",
        "Report it to the server's developer; MCP_LIST_FILTER=off passes lists unread.",
    ),
    "answer_overdue": (
        "The answer took longer than its access token is valid.",
        "Report progress by notifications, or let tokens live longer: AUTH_ACCESS_TOKEN_TTL.",
    ),
    "upstream_refused": (
        "Nothing accepts connections at MCP_UPSTREAM, or TLS with it fails; the reason says which.",
        "Start the server, or correct MCP_UPSTREAM. From a container, localhost is the container itself.",
    ),
    "upstream_connect_time": (
        "The server at MCP_UPSTREAM did not accept a connection in MCP_UPSTREAM_CONNECT_SECONDS.",
        "Does the server run, and does a firewall drop the packets?",
    ),
    "upstream_response_time": (
        "The server did not begin its answer in MCP_UPSTREAM_RESPONSE_SECONDS.",
        f"{_UPSTREAM_LOG} A tool that needs longer: raise the setting, or report progress.",
    ),
    "upstream_idle_time": ("An answer of the server paused for MCP_UPSTREAM_IDLE_SECONDS.", _UPSTREAM_LOG),
    "upstream_broken": (
        "The server closed the connection before a complete answer: it crashed, or restarted.",
        _UPSTREAM_LOG,
    ),
    "upstream_not_http": (
        "What the server answered is not HTTP, or its headers are too long.",
        "Does MCP_UPSTREAM name the right port, and https where the server speaks TLS?",
    ),
    "upstream_not_mcp": (
        "The answer is none of an MCP server: a web page, a file, or an error of something else.",
        "Compare the path of MCP_UPSTREAM with the server's own; often /mcp. `mcp_service check-config` tries it.",
    ),
    "upstream_redirect": (
        "The server answered with a redirect, which is not followed.",
        "The reason names the target: if that is the server, set MCP_UPSTREAM to it.",
    ),
    "upstream_credential": (
        "The server demands a credential of its own, or does not accept the Host header.",
        "MCP_UPSTREAM_HEADERS can hold a credential, MCP_UPSTREAM_HOST the host name that the server expects.",
    ),
    "upstream_busy": (
        "As many requests as are allowed are in progress at the server, or it does not read them.",
        f"{_TRANSIENT}raise MCP_UPSTREAM_MAX_REQUESTS, if the server can answer more at once.",
    ),
    "upstream_stream_ended": (
        "A stream had to end before the server had begun it.",
        "No action needed; clients reconnect.",
    ),
    "server_lifespan": (
        "The lifespan of the server of MCP_SERVER has failed, and the server is started again.",
        "background_task_failed in the log has the traceback.",
    ),
    "upstream_start": (
        "The command of MCP_UPSTREAM_COMMAND did not start, or did not answer initialize; the reason says which.",
        "Run the command by hand. MCP_UPSTREAM_START_SECONDS is how long it may take, downloads included.",
    ),
    "upstream_failing": (
        "The command has failed, and is not started again yet.",
        "The log has what it wrote to standard error, and why it ended.",
    ),
    "upstream_gone": (
        "The process of the command ended during the call.",
        "The log has what it wrote to standard error.",
    ),
    "upstream_silent": (
        "The command did not answer in MCP_UPSTREAM_SILENT_SECONDS.",
        "A tool that needs longer reports progress, or the setting is raised.",
    ),
    "upstream_processes": (
        "Every process of the command is in use.",
        f"{_TRANSIENT}raise MCP_UPSTREAM_MAX_PROCESSES, or lower MCP_UPSTREAM_PROCESS_IDLE_SECONDS.",
    ),
    "upstream_stops": ("The service was stopping.", "No action needed; the client retries."),
}
