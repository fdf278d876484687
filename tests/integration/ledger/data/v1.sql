PRAGMA application_id = 1397247572;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE event (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        time INTEGER NOT NULL,
        actor TEXT NOT NULL,
        kind TEXT NOT NULL,
        object TEXT NOT NULL,
        name TEXT NOT NULL,
        before TEXT,
        after TEXT
    );
INSERT INTO "event" VALUES(1,1800000000000,'test','profile.declared','profile','web',NULL,'{"inbound":[{"action":"accept","destination_port":"443","name":"rule-1","protocol":"tcp"}],"name":"web","outbound":null,"stateful":true}');
INSERT INTO "event" VALUES(2,1800000000000,'test','pool.declared','pool','p',NULL,'{"bandwidth":"1Gbit","dns_servers":[],"excluded":["10.0.0.1-10.0.0.9"],"gateway":"node","kind":"provider","lend":false,"location":"east","name":"p","prefixes":["10.0.0.0/24","2001:db8::/48"],"quarantine":"10m","routing_domain":"default","security_profiles":["web"],"strategy":"first_fit","workload_cap":null}');
INSERT INTO "event" VALUES(3,1800000000000,'test','pool.declared','pool','q',NULL,'{"bandwidth":null,"dns_servers":[],"excluded":[],"gateway":"node","kind":"provider","lend":false,"location":null,"name":"q","prefixes":["10.0.0.0/24"],"quarantine":"1h","routing_domain":"other","security_profiles":[],"strategy":"round_robin","workload_cap":null}');
INSERT INTO "event" VALUES(4,1800000000000,'test','pool.declared','pool','s',NULL,'{"bandwidth":null,"dns_servers":[],"excluded":[],"gateway":"node","kind":"shadow","lend":true,"location":null,"name":"s","prefixes":["10.200.0.0/24"],"quarantine":"10m","routing_domain":"default","security_profiles":[],"strategy":"first_fit","workload_cap":0.5}');
INSERT INTO "event" VALUES(5,1800000000000,'test','subnet.allocated','subnet','a',NULL,'{"addresses":6,"bandwidth":10000000,"cidr":"10.0.0.16/28","expires_at":"2027-01-16T08:00:00.000Z","id":1,"labels":{"x":"y"},"location":"east","node":"n1","pool_id":1,"security_profile":"web","status":"pending"}');
INSERT INTO "event" VALUES(6,1800000000000,'test','subnet.allocated','subnet','b',NULL,'{"cidr":"2001:db8::/64","id":2,"location":"east","pool_id":1,"status":"active"}');
INSERT INTO "event" VALUES(7,1800000000000,'test','subnet.allocated','subnet','café',NULL,'{"cidr":"10.0.0.0/28","id":3,"pool_id":2,"service":"shop","status":"active"}');
INSERT INTO "event" VALUES(8,1800000000000,'test','subnet.allocated','subnet','gone',NULL,'{"cidr":"10.0.0.32/28","id":4,"location":"east","pool_id":1,"status":"active"}');
INSERT INTO "event" VALUES(9,1800000000000,'test','subnet.allocated','subnet','going',NULL,'{"cidr":"10.0.0.48/28","id":5,"location":"east","node":"n1","pool_id":1,"status":"pending"}');
INSERT INTO "event" VALUES(10,1800000000000,'test','subnet.activated','subnet','a','{"addresses":6,"bandwidth":10000000,"cidr":"10.0.0.16/28","expires_at":"2027-01-16T08:00:00.000Z","id":1,"labels":{"x":"y"},"location":"east","node":"n1","pool_id":1,"security_profile":"web","status":"pending"}','{"addresses":6,"bandwidth":10000000,"cidr":"10.0.0.16/28","expires_at":"2027-01-16T08:00:00.000Z","id":1,"labels":{"x":"y"},"location":"east","node":"n1","pool_id":1,"security_profile":"web","status":"active"}');
INSERT INTO "event" VALUES(11,1800000000000,'test','subnet.activated','subnet','going','{"cidr":"10.0.0.48/28","id":5,"location":"east","node":"n1","pool_id":1,"status":"pending"}','{"cidr":"10.0.0.48/28","id":5,"location":"east","node":"n1","pool_id":1,"status":"active"}');
INSERT INTO "event" VALUES(12,1800000000000,'test','node.confirmed','node','n1',NULL,'{"revision":1}');
INSERT INTO "event" VALUES(13,1800000000000,'test','subnet.allocated','subnet','refused',NULL,'{"cidr":"10.0.0.64/28","id":6,"location":"east","node":"n2","pool_id":1,"status":"pending"}');
INSERT INTO "event" VALUES(14,1800000000000,'test','subnet.allocated','subnet','waiting',NULL,'{"cidr":"10.0.0.12/30","id":7,"location":"east","node":"n3","pool_id":1,"status":"pending"}');
INSERT INTO "event" VALUES(15,1800000000000,'test','subnet.failed','subnet','refused','{"cidr":"10.0.0.64/28","id":6,"location":"east","node":"n2","pool_id":1,"status":"pending"}','{"cidr":"10.0.0.64/28","id":6,"location":"east","node":"n2","pool_id":1,"reason":"no such device","status":"error"}');
INSERT INTO "event" VALUES(16,1800000000000,'test','node.failed','node','n2',NULL,'{"reason":"no such device","revision":1}');
INSERT INTO "event" VALUES(17,1800000000000,'test','subnet.released','subnet','gone','{"cidr":"10.0.0.32/28","id":4,"location":"east","pool_id":1,"status":"active"}',NULL);
INSERT INTO "event" VALUES(18,1800000000000,'test','subnet.released','subnet','going','{"cidr":"10.0.0.48/28","id":5,"location":"east","node":"n1","pool_id":1,"status":"active"}','{"cidr":"10.0.0.48/28","id":5,"location":"east","node":"n1","pool_id":1,"status":"releasing"}');
CREATE TABLE free_block (
        pool_id INTEGER NOT NULL REFERENCES pool (id),
        family INTEGER NOT NULL,
        prefix_length INTEGER NOT NULL,
        start BLOB NOT NULL CHECK (length(start) = 16),
        PRIMARY KEY (pool_id, family, prefix_length, start)
    ) WITHOUT ROWID
    ;
INSERT INTO "free_block" VALUES(1,4,25,X'0000000000000000000000000A000080');
INSERT INTO "free_block" VALUES(1,4,27,X'0000000000000000000000000A000060');
INSERT INTO "free_block" VALUES(1,4,28,X'0000000000000000000000000A000050');
INSERT INTO "free_block" VALUES(1,4,31,X'0000000000000000000000000A00000A');
INSERT INTO "free_block" VALUES(1,4,32,X'0000000000000000000000000A000000');
INSERT INTO "free_block" VALUES(1,6,49,X'20010DB8000080000000000000000000');
INSERT INTO "free_block" VALUES(1,6,50,X'20010DB8000040000000000000000000');
INSERT INTO "free_block" VALUES(1,6,51,X'20010DB8000020000000000000000000');
INSERT INTO "free_block" VALUES(1,6,52,X'20010DB8000010000000000000000000');
INSERT INTO "free_block" VALUES(1,6,53,X'20010DB8000008000000000000000000');
INSERT INTO "free_block" VALUES(1,6,54,X'20010DB8000004000000000000000000');
INSERT INTO "free_block" VALUES(1,6,55,X'20010DB8000002000000000000000000');
INSERT INTO "free_block" VALUES(1,6,56,X'20010DB8000001000000000000000000');
INSERT INTO "free_block" VALUES(1,6,57,X'20010DB8000000800000000000000000');
INSERT INTO "free_block" VALUES(1,6,58,X'20010DB8000000400000000000000000');
INSERT INTO "free_block" VALUES(1,6,59,X'20010DB8000000200000000000000000');
INSERT INTO "free_block" VALUES(1,6,60,X'20010DB8000000100000000000000000');
INSERT INTO "free_block" VALUES(1,6,61,X'20010DB8000000080000000000000000');
INSERT INTO "free_block" VALUES(1,6,62,X'20010DB8000000040000000000000000');
INSERT INTO "free_block" VALUES(1,6,63,X'20010DB8000000020000000000000000');
INSERT INTO "free_block" VALUES(1,6,64,X'20010DB8000000010000000000000000');
INSERT INTO "free_block" VALUES(2,4,25,X'0000000000000000000000000A000080');
INSERT INTO "free_block" VALUES(2,4,26,X'0000000000000000000000000A000040');
INSERT INTO "free_block" VALUES(2,4,27,X'0000000000000000000000000A000020');
INSERT INTO "free_block" VALUES(2,4,28,X'0000000000000000000000000A000010');
INSERT INTO "free_block" VALUES(3,4,24,X'0000000000000000000000000AC80000');
CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('id','128dda95d71e81f2');
CREATE TABLE node (
        name TEXT NOT NULL PRIMARY KEY,
        revision INTEGER NOT NULL,
        applied_revision INTEGER NOT NULL,
        failed_revision INTEGER,
        reason TEXT CHECK ((reason IS NULL) = (failed_revision IS NULL))
    );
INSERT INTO "node" VALUES('n1',2,1,NULL,NULL);
INSERT INTO "node" VALUES('n2',1,0,1,'no such device');
INSERT INTO "node" VALUES('n3',1,0,NULL,NULL);
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
    ;
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A000001',X'0000000000000000000000000A000001',32,1,'excluded',NULL,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A000002',X'0000000000000000000000000A000003',31,1,'excluded',NULL,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A000004',X'0000000000000000000000000A000007',30,1,'excluded',NULL,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A000008',X'0000000000000000000000000A000009',31,1,'excluded',NULL,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A00000C',X'0000000000000000000000000A00000F',30,1,'subnet',7,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A000010',X'0000000000000000000000000A00001F',28,1,'subnet',1,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A000020',X'0000000000000000000000000A00002F',28,1,'quarantine',NULL,'gone',1800000600000);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A000030',X'0000000000000000000000000A00003F',28,1,'subnet',5,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A000040',X'0000000000000000000000000A00004F',28,1,'subnet',6,NULL,NULL);
INSERT INTO "occupied" VALUES(1,6,X'20010DB8000000000000000000000000',X'20010DB800000000FFFFFFFFFFFFFFFF',64,1,'subnet',2,NULL,NULL);
INSERT INTO "occupied" VALUES(2,4,X'0000000000000000000000000A000000',X'0000000000000000000000000A00000F',28,2,'subnet',3,NULL,NULL);
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
    );
INSERT INTO "pool" VALUES(1,'p','provider',1,'["10.0.0.1-10.0.0.9"]','east','["web"]',1000000000,10000000,'first_fit',600,'node',0,NULL,'[]',0,X'0000000000000000000000000A000010',X'20010DB8000000010000000000000000');
INSERT INTO "pool" VALUES(2,'q','provider',2,'[]',NULL,'[]',NULL,0,'round_robin',3600,'node',0,NULL,'[]',1,X'0000000000000000000000000A000010',X'00000000000000000000000000000000');
INSERT INTO "pool" VALUES(3,'s','shadow',1,'[]',NULL,'[]',NULL,0,'first_fit',600,'node',1,0.5,'[]',0,X'00000000000000000000000000000000',X'00000000000000000000000000000000');
CREATE TABLE pool_prefix (
        routing_domain_id INTEGER NOT NULL REFERENCES routing_domain (id),
        family INTEGER NOT NULL CHECK (family IN (4, 6)),
        start BLOB NOT NULL CHECK (length(start) = 16),
        last BLOB NOT NULL CHECK (length(last) = 16 AND last >= start),
        prefix_length INTEGER NOT NULL,
        pool_id INTEGER NOT NULL REFERENCES pool (id),
        PRIMARY KEY (routing_domain_id, family, start)
    ) WITHOUT ROWID
    ;
INSERT INTO "pool_prefix" VALUES(1,4,X'0000000000000000000000000A000000',X'0000000000000000000000000A0000FF',24,1);
INSERT INTO "pool_prefix" VALUES(1,4,X'0000000000000000000000000AC80000',X'0000000000000000000000000AC800FF',24,3);
INSERT INTO "pool_prefix" VALUES(1,6,X'20010DB8000000000000000000000000',X'20010DB80000FFFFFFFFFFFFFFFFFFFF',48,1);
INSERT INTO "pool_prefix" VALUES(2,4,X'0000000000000000000000000A000000',X'0000000000000000000000000A0000FF',24,2);
CREATE TABLE routing_domain (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
INSERT INTO "routing_domain" VALUES(1,'default');
INSERT INTO "routing_domain" VALUES(2,'other');
CREATE TABLE security_profile (name TEXT NOT NULL PRIMARY KEY, rules TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "security_profile" VALUES('web','{"inbound":[{"action":"accept","destination_port":"443","name":"rule-1","protocol":"tcp"}],"outbound":null,"stateful":true}');
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
    );
INSERT INTO "subnet" VALUES(1,'a',1,4,X'0000000000000000000000000A000010',28,NULL,6,10000000,'web','east','n1','node','{"x":"y"}',1800086400000,'active',1,NULL,1,1800000000000,1800000000000);
INSERT INTO "subnet" VALUES(2,'b',1,6,X'20010DB8000000000000000000000000',64,NULL,NULL,NULL,NULL,'east',NULL,'node','{}',NULL,'active',1,NULL,0,1800000000000,1800000000000);
INSERT INTO "subnet" VALUES(3,'café',2,4,X'0000000000000000000000000A000000',28,'shop',NULL,NULL,NULL,NULL,NULL,'node','{}',NULL,'active',1,NULL,0,1800000000000,1800000000000);
INSERT INTO "subnet" VALUES(5,'going',1,4,X'0000000000000000000000000A000030',28,NULL,NULL,NULL,NULL,'east','n1','node','{}',NULL,'releasing',0,NULL,2,1800000000000,1800000000000);
INSERT INTO "subnet" VALUES(6,'refused',1,4,X'0000000000000000000000000A000040',28,NULL,NULL,NULL,NULL,'east','n2','node','{}',NULL,'error',1,'no such device',1,1800000000000,1800000000000);
INSERT INTO "subnet" VALUES(7,'waiting',1,4,X'0000000000000000000000000A00000C',30,NULL,NULL,NULL,NULL,'east','n3','node','{}',NULL,'pending',1,NULL,1,1800000000000,1800000000000);
CREATE INDEX pool_prefix_pool ON pool_prefix (pool_id);
CREATE INDEX occupied_until ON occupied (until) WHERE until IS NOT NULL;
CREATE INDEX occupied_name ON occupied (name) WHERE name IS NOT NULL;
CREATE TRIGGER pool_prefix_insert_overlap AFTER INSERT ON pool_prefix
BEGIN
    SELECT RAISE(ABORT, 'shadownet: overlap')
    WHERE (
        SELECT last FROM pool_prefix
        WHERE routing_domain_id = NEW.routing_domain_id AND family = NEW.family AND start < NEW.start
        ORDER BY start DESC LIMIT 1
    ) >= NEW.start
    OR (
        SELECT start FROM pool_prefix
        WHERE routing_domain_id = NEW.routing_domain_id AND family = NEW.family AND start > NEW.start
        ORDER BY start LIMIT 1
    ) <= NEW.last;
END;
CREATE TRIGGER pool_prefix_update_overlap AFTER UPDATE ON pool_prefix
BEGIN
    SELECT RAISE(ABORT, 'shadownet: overlap')
    WHERE (
        SELECT last FROM pool_prefix
        WHERE routing_domain_id = NEW.routing_domain_id AND family = NEW.family AND start < NEW.start
        ORDER BY start DESC LIMIT 1
    ) >= NEW.start
    OR (
        SELECT start FROM pool_prefix
        WHERE routing_domain_id = NEW.routing_domain_id AND family = NEW.family AND start > NEW.start
        ORDER BY start LIMIT 1
    ) <= NEW.last;
END;
CREATE TRIGGER occupied_insert_overlap AFTER INSERT ON occupied
BEGIN
    SELECT RAISE(ABORT, 'shadownet: overlap')
    WHERE (
        SELECT last FROM occupied
        WHERE routing_domain_id = NEW.routing_domain_id AND family = NEW.family AND start < NEW.start
        ORDER BY start DESC LIMIT 1
    ) >= NEW.start
    OR (
        SELECT start FROM occupied
        WHERE routing_domain_id = NEW.routing_domain_id AND family = NEW.family AND start > NEW.start
        ORDER BY start LIMIT 1
    ) <= NEW.last;
END;
CREATE TRIGGER occupied_update_overlap AFTER UPDATE ON occupied
BEGIN
    SELECT RAISE(ABORT, 'shadownet: overlap')
    WHERE (
        SELECT last FROM occupied
        WHERE routing_domain_id = NEW.routing_domain_id AND family = NEW.family AND start < NEW.start
        ORDER BY start DESC LIMIT 1
    ) >= NEW.start
    OR (
        SELECT start FROM occupied
        WHERE routing_domain_id = NEW.routing_domain_id AND family = NEW.family AND start > NEW.start
        ORDER BY start LIMIT 1
    ) <= NEW.last;
END;
CREATE INDEX subnet_node ON subnet (node) WHERE node IS NOT NULL;
CREATE INDEX subnet_expires_at ON subnet (expires_at) WHERE expires_at IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('event',18);
INSERT INTO "sqlite_sequence" VALUES('pool',3);
INSERT INTO "sqlite_sequence" VALUES('subnet',7);
COMMIT;
