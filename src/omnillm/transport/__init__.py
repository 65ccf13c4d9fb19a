"""Outbound HTTP/1.1.

    client      the face: `HttpClient.send(Outgoing) -> Exchange`, `switch(Outgoing) -> WebSocket`
    outgoing    a request, and the origin that it goes to
    exchange    one reply, read piece by piece
    pool        the connections of one origin
    connector   names, sockets, TLS, proxies: how a connection comes to be
    names       look-ups of hosts' names, each in a thread of its own
    proxy       the forward proxies that the environment names
    tls         the certificates that are trusted
    connection  one socket, one exchange at a time, its deadline
    sending     a large body on its way out, slice by slice
    spool       bodies too large to hold in memory, in files
    burst       the small writes of one turn of the event loop, sent together
    reply       bytes in, one reply out: llhttp's parser and the rules that it leaves out
    body        replies that were compressed unasked
    limits      how much of a provider's reply is taken
    room        how much of all replies that are read whole
    timeouts    the deadlines of all calls, and the one sweep that watches them
    handshake   how a WebSocket is asked for, on both sides
    websocket   one end of an open WebSocket: whole messages in and out
    turns       other connections have their turns of the loop while one peer sends as fast as it can
    inbox       the messages that have come and that nobody has read yet
    message     those messages, their limits, and how a WebSocket ends

An error says whether the request can have left: `NotSent` (it cannot), `StaleConnection` (a reused connection died first), `UpstreamLost`,
`UpstreamTimeout`.
"""
