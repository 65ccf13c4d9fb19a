"""Outbound HTTP/1.1.

    client      the face: `HttpClient.send(Outgoing) -> Exchange`, `switch(Outgoing) -> WebSocket`
    exchange    one reply, read piece by piece
    pool        the idle connections of one origin
    connector   names, sockets, TLS, proxies: how a connection comes to be
    connection  one socket, one exchange at a time, its deadline
    sending     a large body on its way out, slice by slice
    burst       the small writes of one turn of the event loop, sent together
    reply       bytes in, one reply out: llhttp's parser and the rules that it leaves out
    body        replies that were compressed unasked
    handshake   how a WebSocket is asked for, on both sides
    websocket   one end of an open WebSocket: whole messages in and out
    message     those messages, their limits, and how it all ends

An error says whether the request can have left: `NotSent` (it cannot), `StaleConnection` (a reused connection died first), `UpstreamLost`,
`UpstreamTimeout`.
"""
