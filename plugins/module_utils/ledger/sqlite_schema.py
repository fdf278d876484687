# SPDX-License-Identifier: GPL-3.0-or-later
"""Schema of the SQLite ledger and its migrations.

Addresses are 16-byte big-endian blobs, so that SQLite's byte order is address order for both families.
``occupied`` holds nothing but rows that take up address space; its triggers let no two of them overlap within
a routing domain, whoever writes. Because the rows are disjoint, looking at the two neighbours is enough.
"""

from __future__ import annotations

APPLICATION_ID = 0x53484E54
"""In the file's header: tells a Shadownet ledger from any other SQLite file."""

_NO_OVERLAP = """
CREATE TRIGGER {table}_{event}_overlap AFTER {on} ON {table}
BEGIN
    SELECT RAISE(ABORT, 'shadownet: overlap')
    WHERE (
        SELECT last FROM {table}
        WHERE routing_domain_id = NEW.routing_domain_id AND family = NEW.family AND start < NEW.start
        ORDER BY start DESC LIMIT 1
    ) >= NEW.start
    OR (
        SELECT start FROM {table}
        WHERE routing_domain_id = NEW.routing_domain_id AND family = NEW.family AND start > NEW.start
        ORDER BY start LIMIT 1
    ) <= NEW.last;
END
"""

_VERSION_1 = (
    "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "INSERT INTO meta VALUES ('id', lower(hex(randomblob(8))))",
    "CREATE TABLE routing_domain (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """
    CREATE TABLE pool (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL CHECK (kind IN ('provider', 'shadow')),
        routing_domain_id INTEGER NOT NULL REFERENCES routing_domain (id),
        excluded TEXT NOT NULL,
        location TEXT,
        security_profiles TEXT NOT NULL,
        bandwidth INTEGER,
        bandwidth_used INTEGER NOT NULL DEFAULT 0 CHECK (bandwidth_used >= 0),
        strategy TEXT NOT NULL,
        quarantine INTEGER NOT NULL CHECK (quarantine >= 0),
        gateway TEXT NOT NULL,
        lend INTEGER NOT NULL,
        workload_cap REAL,
        dns_servers TEXT NOT NULL,
        turn INTEGER NOT NULL DEFAULT 0,
        cursor4 BLOB NOT NULL,
        cursor6 BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE pool_prefix (
        routing_domain_id INTEGER NOT NULL REFERENCES routing_domain (id),
        family INTEGER NOT NULL CHECK (family IN (4, 6)),
        start BLOB NOT NULL CHECK (length(start) = 16),
        last BLOB NOT NULL CHECK (length(last) = 16 AND last >= start),
        prefix_length INTEGER NOT NULL,
        pool_id INTEGER NOT NULL REFERENCES pool (id),
        PRIMARY KEY (routing_domain_id, family, start)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX pool_prefix_pool ON pool_prefix (pool_id)",
    """
    CREATE TABLE free_block (
        pool_id INTEGER NOT NULL REFERENCES pool (id),
        family INTEGER NOT NULL,
        prefix_length INTEGER NOT NULL,
        start BLOB NOT NULL CHECK (length(start) = 16),
        PRIMARY KEY (pool_id, family, prefix_length, start)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE occupied (
        routing_domain_id INTEGER NOT NULL,
        family INTEGER NOT NULL CHECK (family IN (4, 6)),
        start BLOB NOT NULL CHECK (length(start) = 16),
        last BLOB NOT NULL CHECK (length(last) = 16 AND last >= start),
        prefix_length INTEGER NOT NULL,
        pool_id INTEGER NOT NULL REFERENCES pool (id),
        kind TEXT NOT NULL CHECK (kind IN ('subnet', 'quarantine', 'excluded')),
        subnet_id INTEGER CHECK ((subnet_id IS NOT NULL) = (kind = 'subnet')),
        name TEXT CHECK ((name IS NOT NULL) = (kind = 'quarantine')),
        until INTEGER CHECK ((until IS NOT NULL) = (kind = 'quarantine')),
        PRIMARY KEY (routing_domain_id, family, start)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX occupied_until ON occupied (until) WHERE until IS NOT NULL",
    "CREATE INDEX occupied_name ON occupied (name) WHERE name IS NOT NULL",
    _NO_OVERLAP.format(table="pool_prefix", event="insert", on="INSERT"),
    _NO_OVERLAP.format(table="pool_prefix", event="update", on="UPDATE"),
    _NO_OVERLAP.format(table="occupied", event="insert", on="INSERT"),
    _NO_OVERLAP.format(table="occupied", event="update", on="UPDATE"),
    """
    CREATE TABLE subnet (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        pool_id INTEGER NOT NULL REFERENCES pool (id),
        family INTEGER NOT NULL,
        start BLOB NOT NULL CHECK (length(start) = 16),
        prefix_length INTEGER NOT NULL,
        service TEXT,
        addresses INTEGER,
        bandwidth INTEGER,
        security_profile TEXT,
        location TEXT,
        node TEXT,
        gateway TEXT NOT NULL,
        labels TEXT NOT NULL,
        expires_at INTEGER,
        status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'releasing', 'error')),
        wanted INTEGER NOT NULL,
        reason TEXT,
        revision INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL
    )
    """,
    "CREATE INDEX subnet_node ON subnet (node) WHERE node IS NOT NULL",
    "CREATE INDEX subnet_expires_at ON subnet (expires_at) WHERE expires_at IS NOT NULL",
    """
    CREATE TABLE node (
        name TEXT NOT NULL PRIMARY KEY,
        revision INTEGER NOT NULL,
        applied_revision INTEGER NOT NULL,
        failed_revision INTEGER,
        reason TEXT CHECK ((reason IS NULL) = (failed_revision IS NULL))
    )
    """,
    "CREATE TABLE security_profile (name TEXT NOT NULL PRIMARY KEY, rules TEXT NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE event (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        time INTEGER NOT NULL,
        actor TEXT NOT NULL,
        kind TEXT NOT NULL,
        object TEXT NOT NULL,
        name TEXT NOT NULL,
        before TEXT,
        after TEXT
    )
    """,
)

_VERSION_2 = (
    # A CHECK cannot be altered, so the table is built again. Its holder may now be a reservation or an instance.
    """
    CREATE TABLE occupied_2 (
        routing_domain_id INTEGER NOT NULL,
        family INTEGER NOT NULL CHECK (family IN (4, 6)),
        start BLOB NOT NULL CHECK (length(start) = 16),
        last BLOB NOT NULL CHECK (length(last) = 16 AND last >= start),
        prefix_length INTEGER NOT NULL,
        pool_id INTEGER NOT NULL REFERENCES pool (id),
        kind TEXT NOT NULL CHECK (kind IN ('subnet', 'reservation', 'instance', 'quarantine', 'excluded')),
        holder_id INTEGER CHECK ((holder_id IS NOT NULL) = (kind IN ('subnet', 'reservation', 'instance'))),
        name TEXT CHECK ((name IS NOT NULL) = (kind = 'quarantine')),
        until INTEGER CHECK ((until IS NOT NULL) = (kind = 'quarantine')),
        PRIMARY KEY (routing_domain_id, family, start)
    ) WITHOUT ROWID
    """,
    "INSERT INTO occupied_2 SELECT * FROM occupied",
    "DROP TABLE occupied",
    "ALTER TABLE occupied_2 RENAME TO occupied",
    "CREATE INDEX occupied_until ON occupied (until) WHERE until IS NOT NULL",
    "CREATE INDEX occupied_name ON occupied (name) WHERE name IS NOT NULL",
    _NO_OVERLAP.format(table="occupied", event="insert", on="INSERT"),
    _NO_OVERLAP.format(table="occupied", event="update", on="UPDATE"),
    """
    CREATE TABLE reservation (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        workload TEXT NOT NULL,
        family INTEGER NOT NULL,
        prefix_length INTEGER NOT NULL,
        instances INTEGER NOT NULL CHECK (instances >= 0),
        pools TEXT NOT NULL,
        node TEXT,
        location TEXT,
        security_profile TEXT,
        starts_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL CHECK (expires_at > starts_at),
        confidence REAL,
        forecast_id TEXT,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL
    )
    """,
    "CREATE INDEX reservation_workload ON reservation (workload, starts_at)",
    "CREATE INDEX reservation_expires_at ON reservation (expires_at)",
    "CREATE INDEX reservation_node ON reservation (node) WHERE node IS NOT NULL",
    # The mapping address <-> predicted instance. A row stays while its prefix rests after an instance, so that the
    # reservation gets it back.
    """
    CREATE TABLE reserved (
        reservation_id INTEGER NOT NULL REFERENCES reservation (id),
        ordinal INTEGER NOT NULL,
        pool_id INTEGER NOT NULL REFERENCES pool (id),
        family INTEGER NOT NULL,
        start BLOB NOT NULL CHECK (length(start) = 16),
        prefix_length INTEGER NOT NULL,
        predicted TEXT,
        state TEXT NOT NULL CHECK (state IN ('reserved', 'active', 'resting')),
        PRIMARY KEY (reservation_id, ordinal)
    ) WITHOUT ROWID
    """,
    # A prefix for somebody unnamed comes before one that is predicted for somebody: the order of first_reserved.
    "CREATE INDEX reserved_state ON reserved (reservation_id, state, predicted IS NOT NULL, ordinal)",
    "CREATE UNIQUE INDEX reserved_start ON reserved (pool_id, family, start)",
    "CREATE INDEX reserved_predicted ON reserved (predicted) WHERE predicted IS NOT NULL",
    """
    CREATE TABLE instance (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        workload TEXT NOT NULL,
        source TEXT NOT NULL CHECK (source IN ('shadow', 'dynamic')),
        pool_id INTEGER NOT NULL REFERENCES pool (id),
        family INTEGER NOT NULL,
        start BLOB NOT NULL CHECK (length(start) = 16),
        prefix_length INTEGER NOT NULL,
        reservation_id INTEGER,
        ordinal INTEGER,
        node TEXT,
        interface TEXT,
        next_hop TEXT,
        assign TEXT NOT NULL,
        mac TEXT,
        gateway TEXT,
        netns TEXT,
        instance_interface TEXT,
        leaving TEXT,
        leaving_revision INTEGER NOT NULL,
        location TEXT,
        security_profile TEXT,
        status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'releasing', 'error')),
        wanted INTEGER NOT NULL,
        reason TEXT,
        revision INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL
    )
    """,
    "CREATE INDEX instance_node ON instance (node) WHERE node IS NOT NULL",
    "CREATE INDEX instance_leaving ON instance (leaving) WHERE leaving IS NOT NULL",
    "CREATE INDEX instance_workload ON instance (workload)",
    "CREATE INDEX instance_reservation ON instance (reservation_id) WHERE reservation_id IS NOT NULL",
    # Nodes that ever carried shadow addresses of a pool: they keep its floors for as long as there is the pool.
    """
    CREATE TABLE floor (
        node TEXT NOT NULL,
        pool_id INTEGER NOT NULL REFERENCES pool (id),
        PRIMARY KEY (node, pool_id)
    ) WITHOUT ROWID
    """,
    # The newest counters of packets to shadow addresses that each node told.
    """
    CREATE TABLE traffic (
        node TEXT NOT NULL,
        prefix TEXT NOT NULL,
        data TEXT NOT NULL,
        PRIMARY KEY (node, prefix)
    ) WITHOUT ROWID
    """,
)

_VERSION_3 = (
    # What a resting prefix rests after: it goes back to nothing but a holder of that kind and name. NULL where that is
    # not known.
    """
    ALTER TABLE occupied ADD COLUMN last_kind TEXT
    CHECK (last_kind IS NULL OR (kind = 'quarantine' AND last_kind IN ('subnet', 'instance')))
    """,
    # Before instances there were only subnets. A mapped prefix rests after an instance. Else what the audit trail saw
    # go by that name tells, where it saw one kind only; where both, the prefix rests for nobody.
    """
    WITH gone AS (
        SELECT name, MIN(object) AS one, MAX(object) AS other FROM event
        WHERE after IS NULL AND object IN ('subnet', 'instance') GROUP BY name
    )
    UPDATE occupied SET last_kind = CASE
        WHEN NOT EXISTS (SELECT 1 FROM event WHERE object = 'instance') THEN 'subnet'
        WHEN EXISTS (
            SELECT 1 FROM reserved WHERE reserved.pool_id = occupied.pool_id AND reserved.family = occupied.family
            AND reserved.start = occupied.start
        ) THEN 'instance'
        ELSE (SELECT one FROM gone WHERE gone.name = occupied.name AND one = other)
    END
    WHERE kind = 'quarantine'
    """,
    # When a reservation was found to be over (milliseconds). It is no reservation any more then; the row stays until
    # its prefixes are swept, some with each call.
    "ALTER TABLE reservation ADD COLUMN ended INTEGER",
    "CREATE INDEX reservation_ended ON reservation (ended) WHERE ended IS NOT NULL",
    "DROP INDEX instance_reservation",
    "CREATE INDEX instance_reservation ON instance (reservation_id, ordinal) WHERE reservation_id IS NOT NULL",
    # What the audit trail up to an event comes to, so that its telling need not begin with the first one.
    """
    CREATE TABLE usage_summary (
        event_id INTEGER NOT NULL PRIMARY KEY,
        time INTEGER NOT NULL,
        form INTEGER NOT NULL,
        size INTEGER NOT NULL,
        data BLOB NOT NULL
    )
    """,
    # The few events that tell of a wrong clock, without a look at all the others.
    "CREATE INDEX event_clock_accepted ON event (id) WHERE kind = 'ledger.clock_accepted'",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_VERSION_1, _VERSION_2, _VERSION_3)
"""Item n brings a ledger of schema version n to version n + 1. Never edit one that was released: append."""

SCHEMA_VERSION = len(MIGRATIONS)
