"""The ledger: in memory, in a SQLite file or in PostgreSQL, with the same verbs. All SQL and every driver is here.

    store         what every store answers
    memory        the store in this process's memory
    sql_store     a store in a database; with `sqlite/` and `postgres/` the two kinds of database
    connection    what the SQL needs of a database: the protocols `Database` and `Connection`

Writing, in a thread of its own:
    writer        the thread; `backlog`: what waits for it; `waiting`: who waits for it; `outage`: while the ledger cannot be written
    book          the transactions of the ledger
    tables        the structs of `records.py` as rows; `insert`: the statements that write many at once; `migrations/`: the schemas
    rollup        the sums of a day, which usage reports are made of; `daily`: the same in memory
    claims        idempotency keys; `virtual_keys`: virtual keys, and `pepper`: the secret of their digests
    orphans       what a run left open when it ended; `open_reservations`: what this one has open
    retirement    the deletion of old rows

Reading:
    reports       requests, usage, budgets; `grouping`: what usage is grouped by, tags too
    verification  the proof that the sums are those of the rows; `costs`: that each cost is that of its usage and its price
"""
