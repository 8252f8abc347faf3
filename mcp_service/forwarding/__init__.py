"""Forwarding for clients that look for the authorization server at this server's own origin (docs/forwarding.md).

Owns: POST /token, POST /register and GET /authorize of this origin. Does not own: any rule about what is forwarded;
auth_service decides, and counts the request for the client's own address.
"""
