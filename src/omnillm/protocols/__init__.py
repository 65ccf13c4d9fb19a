"""The wire protocols, a package each. Each supplies a `Protocol` and, where it takes part in translation, a `Codec`.

The straight line (a body goes through as it came; the gateway peeks at it):
    protocol      what each protocol supplies; `registry`: all by name; `protocol_names`: in which spellings
    members       the top level of a JSON body, read and written without decoding the values
    outline       a long request without its prose; `prompt_size`: how much text is in it; `claude_media`: what weighs more than its text
    bulk          how many values a body holds, and how many it may
    bound         ids that mean something to one provider key only
    priced        what costs beside tokens (`extras`), in each protocol's words: `priced_messages`, `priced_gemini`, `priced_converse`
    tool_caps     a cap on tools that are paid, in each protocol's words
    counts        numbers of tokens in a reply; `modalities`: those of sound and pictures; `token_counts`: replies to "how many?"
    hints         what providers say about waiting and limits
    too_long      the words of hosts and vendors for a prompt that is too long
    lookalikes    names of members that only look right
    sessions/     live sessions over WebSocket, with a list of its own files

Translation, by way of the canonical model:
    codec         what each protocol supplies; `codecs`: all by name; `dialects`: what its hosts and models take
    transcode     bodies; `stream_transcoder`: streams; `transcode_error`: errors
    loss          what could not be carried over; `position`: where it stood
    envelope      signatures on their way through clients of another protocol; `carrier`: in items of their own
    differences/  what several protocols say differently: one file for each difference
    part_log      the parts of a stream, while it is read
    shapes        JSON values, read strictly; `base64_text`: bytes in them; `text_offsets`: characters and bytes of a text
    set_fields    which fields of a canonical value say something
    canonical     the canonical model as a protocol of its own, for the library

A protocol's own package; a file with another name than these is about what this protocol alone has:
    wire          what is peeked, as small structs; `peek`: of requests and replies; `stream`: of streams; `failure`: errors
    usage         counts of tokens, read and written; `finish`: why an answer ended; `place`: the name, and where its emitters stand
    parse/        its words to the canonical model: `request` with `conversation`, `parts` and `tools`; `reply`; `stream` with `open_parts`
    emit/         the canonical model in its words, the same, and `results`: what tools answered
"""
