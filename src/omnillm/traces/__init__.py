"""OpenTelemetry traces of calls, made of the ledger's rows once a call has ended.

    spans       rows to spans: ids, names, attributes; pure
    message     spans to the bytes of an export request
    exporter    what waits, and how it is sent

The protobuf classes are OpenTelemetry's own (`pip install 'omnillm[otel]'`), and imported only where traces are configured.
"""
