PRAGMA application_id = 1397247572;
PRAGMA user_version = 2;
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
INSERT INTO "event" VALUES(1,1800000000000,'test','pool.declared','pool','pro',NULL,'{"bandwidth":"10Gbit","dns_servers":[],"excluded":[],"gateway":"node","kind":"provider","lend":false,"location":null,"name":"pro","prefixes":["10.0.0.0/24","2001:db8::/64"],"quarantine":"1h","routing_domain":"default","security_profiles":[],"strategy":"first_fit","workload_cap":null}');
INSERT INTO "event" VALUES(2,1800000000000,'test','pool.declared','pool','red',NULL,'{"bandwidth":null,"dns_servers":[],"excluded":[],"gateway":"node","kind":"provider","lend":false,"location":null,"name":"red","prefixes":["10.0.0.0/24"],"quarantine":"1h","routing_domain":"red","security_profiles":[],"strategy":"first_fit","workload_cap":null}');
INSERT INTO "event" VALUES(3,1800000000000,'test','pool.declared','pool','sha',NULL,'{"bandwidth":null,"dns_servers":[],"excluded":["10.1.0.255/32"],"gateway":"node","kind":"shadow","lend":true,"location":null,"name":"sha","prefixes":["10.1.0.0/24"],"quarantine":"1h","routing_domain":"default","security_profiles":[],"strategy":"first_fit","workload_cap":null}');
INSERT INTO "event" VALUES(4,1800000000000,'test','subnet.allocated','subnet','alpha',NULL,'{"bandwidth":1000000000,"cidr":"10.0.0.0/28","id":1,"node":"n1","pool_id":1,"status":"pending"}');
INSERT INTO "event" VALUES(5,1800000000000,'test','subnet.allocated','subnet','beta',NULL,'{"cidr":"10.0.0.16/29","id":2,"pool_id":1,"status":"active"}');
INSERT INTO "event" VALUES(6,1800000000000,'test','subnet.allocated','subnet','gone',NULL,'{"cidr":"10.0.0.24/29","id":3,"pool_id":1,"status":"active"}');
INSERT INTO "event" VALUES(7,1800000000000,'test','subnet.allocated','subnet','both',NULL,'{"cidr":"10.0.0.32/32","id":4,"pool_id":1,"status":"active"}');
INSERT INTO "event" VALUES(8,1800000000000,'test','subnet.allocated','subnet','red-one',NULL,'{"cidr":"10.0.0.0/28","id":5,"pool_id":2,"status":"active"}');
INSERT INTO "event" VALUES(9,1800000000000,'test','reservation.made','reservation','web',NULL,'{"active":0,"confidence":null,"expires_at":"2027-01-16T08:00:00.000Z","family":"ipv4","forecast_id":null,"held":[{"blocks":["10.1.0.0/30","10.1.0.4/31"],"pool":"sha","state":"reserved"}],"id":1,"instances":6,"location":null,"name":"web","node":"n1","pools":[],"predicted":{"w1":"10.1.0.0/32","w2":"10.1.0.1/32"},"prefix_length":32,"security_profile":null,"starts_at":"2027-01-15T08:00:00.000Z","workload":"web"}');
INSERT INTO "event" VALUES(10,1800000000000,'test','reservation.made','reservation','soon',NULL,'{"active":0,"confidence":null,"expires_at":"2027-01-15T08:01:00.000Z","family":"ipv4","forecast_id":null,"held":[{"blocks":["10.1.0.8/31","10.1.0.10/32"],"pool":"sha","state":"reserved"}],"id":2,"instances":3,"location":null,"name":"soon","node":null,"pools":[],"predicted":{},"prefix_length":32,"security_profile":null,"starts_at":"2027-01-15T08:00:00.000Z","workload":"web"}');
INSERT INTO "event" VALUES(11,1800000000000,'test','reservation.made','reservation','six',NULL,'{"active":0,"confidence":null,"expires_at":"2027-01-16T08:00:00.000Z","family":"ipv4","forecast_id":null,"held":[{"blocks":["10.1.0.16/29"],"pool":"sha","state":"reserved"}],"id":3,"instances":2,"location":null,"name":"six","node":null,"pools":[],"predicted":{},"prefix_length":30,"security_profile":null,"starts_at":"2027-01-15T08:00:00.000Z","workload":"db"}');
INSERT INTO "event" VALUES(12,1800000000000,'test','instance.created','instance','w1',NULL,'{"address":"10.1.0.0","assign":"none","cidr":"10.1.0.0/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":1,"instance_interface":null,"interface":"tap1","leaving":null,"location":null,"mac":null,"name":"w1","netns":null,"next_hop":null,"node":"n1","pool":"sha","prefix_length":32,"reason":null,"reservation_id":1,"revision":3,"security_profile":null,"source":"shadow","status":"pending","workload":"web"}');
INSERT INTO "event" VALUES(13,1800000000000,'test','instance.created','instance','w3',NULL,'{"address":"10.1.0.2","assign":"none","cidr":"10.1.0.2/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":2,"instance_interface":null,"interface":"tap3","leaving":null,"location":null,"mac":null,"name":"w3","netns":null,"next_hop":null,"node":"n1","pool":"sha","prefix_length":32,"reason":null,"reservation_id":1,"revision":4,"security_profile":null,"source":"shadow","status":"pending","workload":"web"}');
INSERT INTO "event" VALUES(14,1800000000000,'test','instance.created','instance','w4',NULL,'{"address":"10.1.0.3","assign":"none","cidr":"10.1.0.3/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":3,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"w4","netns":null,"next_hop":null,"node":null,"pool":"sha","prefix_length":32,"reason":null,"reservation_id":1,"revision":0,"security_profile":null,"source":"shadow","status":"active","workload":"web"}');
INSERT INTO "event" VALUES(15,1800000000000,'test','instance.created','instance','dyn',NULL,'{"address":"10.0.0.33","assign":"none","cidr":"10.0.0.33/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":4,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"dyn","netns":null,"next_hop":null,"node":null,"pool":"pro","prefix_length":32,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"dynamic","status":"active","workload":"batch"}');
INSERT INTO "event" VALUES(16,1800000000000,'test','unexpected_scaling','workload','batch',NULL,'{"instance":"dyn","location":null,"node":null,"reason":"none: nothing is reserved for this workload","reservations":[],"security_profile":null,"standing":0,"workload":"batch"}');
INSERT INTO "event" VALUES(17,1800000000000,'test','instance.created','instance','fleeting',NULL,'{"address":"10.0.0.34","assign":"none","cidr":"10.0.0.34/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":5,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"fleeting","netns":null,"next_hop":null,"node":null,"pool":"pro","prefix_length":32,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"dynamic","status":"active","workload":"batch"}');
INSERT INTO "event" VALUES(18,1800000000000,'test','unexpected_scaling','workload','batch',NULL,'{"instance":"fleeting","location":null,"node":null,"reason":"none: nothing is reserved for this workload","reservations":[],"security_profile":null,"standing":0,"workload":"batch"}');
INSERT INTO "event" VALUES(19,1800000000000,'test','instance.created','instance','moved',NULL,'{"address":"10.0.0.35","assign":"none","cidr":"10.0.0.35/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":6,"instance_interface":null,"interface":"t","leaving":null,"location":null,"mac":null,"name":"moved","netns":null,"next_hop":null,"node":"n1","pool":"pro","prefix_length":32,"reason":null,"reservation_id":null,"revision":5,"security_profile":null,"source":"dynamic","status":"pending","workload":"batch"}');
INSERT INTO "event" VALUES(20,1800000000000,'test','unexpected_scaling','workload','batch',NULL,'{"instance":"moved","location":null,"node":"n1","reason":"none: nothing is reserved for this workload","reservations":[],"security_profile":null,"standing":0,"workload":"batch"}');
INSERT INTO "event" VALUES(21,1800000000000,'test','subnet.activated','subnet','alpha','{"bandwidth":1000000000,"cidr":"10.0.0.0/28","id":1,"node":"n1","pool_id":1,"status":"pending"}','{"bandwidth":1000000000,"cidr":"10.0.0.0/28","id":1,"node":"n1","pool_id":1,"status":"active"}');
INSERT INTO "event" VALUES(22,1800000000000,'test','instance.activated','instance','w1','{"address":"10.1.0.0","assign":"none","cidr":"10.1.0.0/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":1,"instance_interface":null,"interface":"tap1","leaving":null,"location":null,"mac":null,"name":"w1","netns":null,"next_hop":null,"node":"n1","pool":"sha","prefix_length":32,"reason":null,"reservation_id":1,"revision":3,"security_profile":null,"source":"shadow","status":"pending","workload":"web"}','{"address":"10.1.0.0","assign":"none","cidr":"10.1.0.0/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":1,"instance_interface":null,"interface":"tap1","leaving":null,"location":null,"mac":null,"name":"w1","netns":null,"next_hop":null,"node":"n1","pool":"sha","prefix_length":32,"reason":null,"reservation_id":1,"revision":3,"security_profile":null,"source":"shadow","status":"active","workload":"web"}');
INSERT INTO "event" VALUES(23,1800000000000,'test','instance.activated','instance','w3','{"address":"10.1.0.2","assign":"none","cidr":"10.1.0.2/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":2,"instance_interface":null,"interface":"tap3","leaving":null,"location":null,"mac":null,"name":"w3","netns":null,"next_hop":null,"node":"n1","pool":"sha","prefix_length":32,"reason":null,"reservation_id":1,"revision":4,"security_profile":null,"source":"shadow","status":"pending","workload":"web"}','{"address":"10.1.0.2","assign":"none","cidr":"10.1.0.2/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":2,"instance_interface":null,"interface":"tap3","leaving":null,"location":null,"mac":null,"name":"w3","netns":null,"next_hop":null,"node":"n1","pool":"sha","prefix_length":32,"reason":null,"reservation_id":1,"revision":4,"security_profile":null,"source":"shadow","status":"active","workload":"web"}');
INSERT INTO "event" VALUES(24,1800000000000,'test','instance.activated','instance','moved','{"address":"10.0.0.35","assign":"none","cidr":"10.0.0.35/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":6,"instance_interface":null,"interface":"t","leaving":null,"location":null,"mac":null,"name":"moved","netns":null,"next_hop":null,"node":"n1","pool":"pro","prefix_length":32,"reason":null,"reservation_id":null,"revision":5,"security_profile":null,"source":"dynamic","status":"pending","workload":"batch"}','{"address":"10.0.0.35","assign":"none","cidr":"10.0.0.35/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":6,"instance_interface":null,"interface":"t","leaving":null,"location":null,"mac":null,"name":"moved","netns":null,"next_hop":null,"node":"n1","pool":"pro","prefix_length":32,"reason":null,"reservation_id":null,"revision":5,"security_profile":null,"source":"dynamic","status":"active","workload":"batch"}');
INSERT INTO "event" VALUES(25,1800000000000,'test','node.confirmed','node','n1',NULL,'{"revision":5}');
INSERT INTO "event" VALUES(26,1800000000000,'test','instance.moved','instance','moved','{"address":"10.0.0.35","assign":"none","cidr":"10.0.0.35/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":6,"instance_interface":null,"interface":"t","leaving":null,"location":null,"mac":null,"name":"moved","netns":null,"next_hop":null,"node":"n1","pool":"pro","prefix_length":32,"reason":null,"reservation_id":null,"revision":5,"security_profile":null,"source":"dynamic","status":"active","workload":"batch"}','{"address":"10.0.0.35","assign":"none","cidr":"10.0.0.35/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":6,"instance_interface":null,"interface":"t","leaving":"n1","location":null,"mac":null,"name":"moved","netns":null,"next_hop":null,"node":"n2","pool":"pro","prefix_length":32,"reason":null,"reservation_id":null,"revision":1,"security_profile":null,"source":"dynamic","status":"pending","workload":"batch"}');
INSERT INTO "event" VALUES(27,1800000010000,'test','instance.deleted','instance','w4','{"address":"10.1.0.3","assign":"none","cidr":"10.1.0.3/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":3,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"w4","netns":null,"next_hop":null,"node":null,"pool":"sha","prefix_length":32,"reason":null,"reservation_id":1,"revision":0,"security_profile":null,"source":"shadow","status":"active","workload":"web"}',NULL);
INSERT INTO "event" VALUES(28,1800000010000,'test','instance.deleted','instance','fleeting','{"address":"10.0.0.34","assign":"none","cidr":"10.0.0.34/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":5,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"fleeting","netns":null,"next_hop":null,"node":null,"pool":"pro","prefix_length":32,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"dynamic","status":"active","workload":"batch"}',NULL);
INSERT INTO "event" VALUES(29,1800000010000,'test','subnet.released','subnet','gone','{"cidr":"10.0.0.24/29","id":3,"pool_id":1,"status":"active"}',NULL);
INSERT INTO "event" VALUES(30,1800000010000,'test','subnet.released','subnet','both','{"cidr":"10.0.0.32/32","id":4,"pool_id":1,"status":"active"}',NULL);
INSERT INTO "event" VALUES(31,1800000010000,'test','instance.created','instance','both',NULL,'{"address":"10.0.0.32","assign":"none","cidr":"10.0.0.32/32","created_at":"2027-01-15T08:00:10.000Z","family":"ipv4","gateway":null,"id":7,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"both","netns":null,"next_hop":null,"node":null,"pool":"pro","prefix_length":32,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"dynamic","status":"active","workload":"batch"}');
INSERT INTO "event" VALUES(32,1800000010000,'test','instance.deleted','instance','both','{"address":"10.0.0.32","assign":"none","cidr":"10.0.0.32/32","created_at":"2027-01-15T08:00:10.000Z","family":"ipv4","gateway":null,"id":7,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"both","netns":null,"next_hop":null,"node":null,"pool":"pro","prefix_length":32,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"dynamic","status":"active","workload":"batch"}',NULL);
INSERT INTO "event" VALUES(33,1800000010000,'test','subnet.allocated','subnet','twice',NULL,'{"cidr":"10.0.0.16/32","id":6,"pool_id":2,"status":"active"}');
INSERT INTO "event" VALUES(34,1800000010000,'test','subnet.released','subnet','twice','{"cidr":"10.0.0.16/32","id":6,"pool_id":2,"status":"active"}',NULL);
INSERT INTO "event" VALUES(35,1800000010000,'test','instance.created','instance','twice',NULL,'{"address":"10.0.0.36","assign":"none","cidr":"10.0.0.36/32","created_at":"2027-01-15T08:00:10.000Z","family":"ipv4","gateway":null,"id":8,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"twice","netns":null,"next_hop":null,"node":null,"pool":"pro","prefix_length":32,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"dynamic","status":"active","workload":"batch"}');
INSERT INTO "event" VALUES(36,1800000010000,'test','unexpected_scaling','workload','batch',NULL,'{"instance":"twice","location":null,"node":null,"reason":"none: nothing is reserved for this workload","reservations":[],"security_profile":null,"standing":0,"workload":"batch"}');
INSERT INTO "event" VALUES(37,1800000010000,'test','instance.deleted','instance','twice','{"address":"10.0.0.36","assign":"none","cidr":"10.0.0.36/32","created_at":"2027-01-15T08:00:10.000Z","family":"ipv4","gateway":null,"id":8,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"twice","netns":null,"next_hop":null,"node":null,"pool":"pro","prefix_length":32,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"dynamic","status":"active","workload":"batch"}',NULL);
INSERT INTO "event" VALUES(38,1800000010000,'test','instance.deleted','instance','w3','{"address":"10.1.0.2","assign":"none","cidr":"10.1.0.2/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":2,"instance_interface":null,"interface":"tap3","leaving":null,"location":null,"mac":null,"name":"w3","netns":null,"next_hop":null,"node":"n1","pool":"sha","prefix_length":32,"reason":null,"reservation_id":1,"revision":4,"security_profile":null,"source":"shadow","status":"active","workload":"web"}','{"address":"10.1.0.2","assign":"none","cidr":"10.1.0.2/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":2,"instance_interface":null,"interface":"tap3","leaving":null,"location":null,"mac":null,"name":"w3","netns":null,"next_hop":null,"node":"n1","pool":"sha","prefix_length":32,"reason":null,"reservation_id":1,"revision":7,"security_profile":null,"source":"shadow","status":"releasing","workload":"web"}');
CREATE TABLE floor (
        node TEXT NOT NULL,
        pool_id INTEGER NOT NULL REFERENCES pool (id),
        PRIMARY KEY (node, pool_id)
    ) WITHOUT ROWID
    ;
INSERT INTO "floor" VALUES('n1',3);
CREATE TABLE free_block (
        pool_id INTEGER NOT NULL REFERENCES pool (id),
        family INTEGER NOT NULL,
        prefix_length INTEGER NOT NULL,
        start BLOB NOT NULL CHECK (length(start) = 16),
        PRIMARY KEY (pool_id, family, prefix_length, start)
    ) WITHOUT ROWID
    ;
INSERT INTO "free_block" VALUES(1,4,25,X'0000000000000000000000000A000080');
INSERT INTO "free_block" VALUES(1,4,26,X'0000000000000000000000000A000040');
INSERT INTO "free_block" VALUES(1,4,28,X'0000000000000000000000000A000030');
INSERT INTO "free_block" VALUES(1,4,29,X'0000000000000000000000000A000028');
INSERT INTO "free_block" VALUES(1,4,31,X'0000000000000000000000000A000026');
INSERT INTO "free_block" VALUES(1,4,32,X'0000000000000000000000000A000025');
INSERT INTO "free_block" VALUES(1,6,64,X'20010DB8000000000000000000000000');
INSERT INTO "free_block" VALUES(2,4,25,X'0000000000000000000000000A000080');
INSERT INTO "free_block" VALUES(2,4,26,X'0000000000000000000000000A000040');
INSERT INTO "free_block" VALUES(2,4,27,X'0000000000000000000000000A000020');
INSERT INTO "free_block" VALUES(2,4,29,X'0000000000000000000000000A000018');
INSERT INTO "free_block" VALUES(2,4,30,X'0000000000000000000000000A000014');
INSERT INTO "free_block" VALUES(2,4,31,X'0000000000000000000000000A000012');
INSERT INTO "free_block" VALUES(2,4,32,X'0000000000000000000000000A000011');
INSERT INTO "free_block" VALUES(3,4,26,X'0000000000000000000000000A010040');
INSERT INTO "free_block" VALUES(3,4,26,X'0000000000000000000000000A010080');
INSERT INTO "free_block" VALUES(3,4,27,X'0000000000000000000000000A010020');
INSERT INTO "free_block" VALUES(3,4,27,X'0000000000000000000000000A0100C0');
INSERT INTO "free_block" VALUES(3,4,28,X'0000000000000000000000000A0100E0');
INSERT INTO "free_block" VALUES(3,4,29,X'0000000000000000000000000A010018');
INSERT INTO "free_block" VALUES(3,4,29,X'0000000000000000000000000A0100F0');
INSERT INTO "free_block" VALUES(3,4,30,X'0000000000000000000000000A01000C');
INSERT INTO "free_block" VALUES(3,4,30,X'0000000000000000000000000A0100F8');
INSERT INTO "free_block" VALUES(3,4,31,X'0000000000000000000000000A010006');
INSERT INTO "free_block" VALUES(3,4,31,X'0000000000000000000000000A0100FC');
INSERT INTO "free_block" VALUES(3,4,32,X'0000000000000000000000000A01000B');
INSERT INTO "free_block" VALUES(3,4,32,X'0000000000000000000000000A0100FE');
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
    );
INSERT INTO "instance" VALUES(1,'w1','web','shadow',3,4,X'0000000000000000000000000A010000',32,1,0,'n1','tap1',NULL,'none',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'active',1,NULL,3,1800000000000,1800000000000);
INSERT INTO "instance" VALUES(2,'w3','web','shadow',3,4,X'0000000000000000000000000A010002',32,1,2,'n1','tap3',NULL,'none',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'releasing',0,NULL,7,1800000000000,1800000010000);
INSERT INTO "instance" VALUES(4,'dyn','batch','dynamic',1,4,X'0000000000000000000000000A000021',32,NULL,NULL,NULL,NULL,NULL,'none',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'active',1,NULL,0,1800000000000,1800000000000);
INSERT INTO "instance" VALUES(6,'moved','batch','dynamic',1,4,X'0000000000000000000000000A000023',32,NULL,NULL,'n2','t',NULL,'none',NULL,NULL,NULL,NULL,'n1',6,NULL,NULL,'pending',1,NULL,1,1800000000000,1800000000000);
CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('id','bb9eef48d383098d');
CREATE TABLE node (
        name TEXT NOT NULL PRIMARY KEY,
        revision INTEGER NOT NULL,
        applied_revision INTEGER NOT NULL,
        failed_revision INTEGER,
        reason TEXT CHECK ((reason IS NULL) = (failed_revision IS NULL))
    );
INSERT INTO "node" VALUES('n1',7,5,NULL,NULL);
INSERT INTO "node" VALUES('n2',1,0,NULL,NULL);
CREATE TABLE "occupied" (
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
    ;
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A000000',X'0000000000000000000000000A00000F',28,1,'subnet',1,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A000010',X'0000000000000000000000000A000017',29,1,'subnet',2,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A000018',X'0000000000000000000000000A00001F',29,1,'quarantine',NULL,'gone',1800003610000);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A000020',X'0000000000000000000000000A000020',32,1,'quarantine',NULL,'both',1800003610000);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A000021',X'0000000000000000000000000A000021',32,1,'instance',4,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A000022',X'0000000000000000000000000A000022',32,1,'quarantine',NULL,'fleeting',1800003610000);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A000023',X'0000000000000000000000000A000023',32,1,'instance',6,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A000024',X'0000000000000000000000000A000024',32,1,'quarantine',NULL,'twice',1800003610000);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A010000',X'0000000000000000000000000A010000',32,3,'instance',1,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A010001',X'0000000000000000000000000A010001',32,3,'reservation',1,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A010002',X'0000000000000000000000000A010002',32,3,'instance',2,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A010003',X'0000000000000000000000000A010003',32,3,'quarantine',NULL,'w4',1800003610000);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A010004',X'0000000000000000000000000A010004',32,3,'reservation',1,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A010005',X'0000000000000000000000000A010005',32,3,'reservation',1,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A010008',X'0000000000000000000000000A010008',32,3,'reservation',2,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A010009',X'0000000000000000000000000A010009',32,3,'reservation',2,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A01000A',X'0000000000000000000000000A01000A',32,3,'reservation',2,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A010010',X'0000000000000000000000000A010013',30,3,'reservation',3,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A010014',X'0000000000000000000000000A010017',30,3,'reservation',3,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A0100FF',X'0000000000000000000000000A0100FF',32,3,'excluded',NULL,NULL,NULL);
INSERT INTO "occupied" VALUES(2,4,X'0000000000000000000000000A000000',X'0000000000000000000000000A00000F',28,2,'subnet',5,NULL,NULL);
INSERT INTO "occupied" VALUES(2,4,X'0000000000000000000000000A000010',X'0000000000000000000000000A000010',32,2,'quarantine',NULL,'twice',1800003610000);
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
INSERT INTO "pool" VALUES(1,'pro','provider',1,'[]',NULL,'[]',10000000000,1000000000,'first_fit',3600,'node',0,NULL,'[]',0,X'0000000000000000000000000A000025',X'00000000000000000000000000000000');
INSERT INTO "pool" VALUES(2,'red','provider',2,'[]',NULL,'[]',NULL,0,'first_fit',3600,'node',0,NULL,'[]',0,X'0000000000000000000000000A000011',X'00000000000000000000000000000000');
INSERT INTO "pool" VALUES(3,'sha','shadow',1,'["10.1.0.255/32"]',NULL,'[]',NULL,0,'first_fit',3600,'node',1,NULL,'[]',0,X'0000000000000000000000000A010018',X'00000000000000000000000000000000');
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
INSERT INTO "pool_prefix" VALUES(1,4,X'0000000000000000000000000A010000',X'0000000000000000000000000A0100FF',24,3);
INSERT INTO "pool_prefix" VALUES(1,6,X'20010DB8000000000000000000000000',X'20010DB800000000FFFFFFFFFFFFFFFF',64,1);
INSERT INTO "pool_prefix" VALUES(2,4,X'0000000000000000000000000A000000',X'0000000000000000000000000A0000FF',24,2);
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
    );
INSERT INTO "reservation" VALUES(1,'web','web',4,32,6,'[]','n1',NULL,NULL,1800000000000,1800086400000,NULL,NULL,1800000000000,1800000000000);
INSERT INTO "reservation" VALUES(2,'soon','web',4,32,3,'[]',NULL,NULL,NULL,1800000000000,1800000060000,NULL,NULL,1800000000000,1800000000000);
INSERT INTO "reservation" VALUES(3,'six','db',4,30,2,'[]',NULL,NULL,NULL,1800000000000,1800086400000,NULL,NULL,1800000000000,1800000000000);
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
    ;
INSERT INTO "reserved" VALUES(1,0,3,4,X'0000000000000000000000000A010000',32,'w1','active');
INSERT INTO "reserved" VALUES(1,1,3,4,X'0000000000000000000000000A010001',32,'w2','reserved');
INSERT INTO "reserved" VALUES(1,2,3,4,X'0000000000000000000000000A010002',32,NULL,'active');
INSERT INTO "reserved" VALUES(1,3,3,4,X'0000000000000000000000000A010003',32,NULL,'resting');
INSERT INTO "reserved" VALUES(1,4,3,4,X'0000000000000000000000000A010004',32,NULL,'reserved');
INSERT INTO "reserved" VALUES(1,5,3,4,X'0000000000000000000000000A010005',32,NULL,'reserved');
INSERT INTO "reserved" VALUES(2,0,3,4,X'0000000000000000000000000A010008',32,NULL,'reserved');
INSERT INTO "reserved" VALUES(2,1,3,4,X'0000000000000000000000000A010009',32,NULL,'reserved');
INSERT INTO "reserved" VALUES(2,2,3,4,X'0000000000000000000000000A01000A',32,NULL,'reserved');
INSERT INTO "reserved" VALUES(3,0,3,4,X'0000000000000000000000000A010010',30,NULL,'reserved');
INSERT INTO "reserved" VALUES(3,1,3,4,X'0000000000000000000000000A010014',30,NULL,'reserved');
CREATE TABLE routing_domain (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
INSERT INTO "routing_domain" VALUES(1,'default');
INSERT INTO "routing_domain" VALUES(2,'red');
CREATE TABLE security_profile (name TEXT NOT NULL PRIMARY KEY, rules TEXT NOT NULL) WITHOUT ROWID;
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
INSERT INTO "subnet" VALUES(1,'alpha',1,4,X'0000000000000000000000000A000000',28,NULL,NULL,1000000000,NULL,NULL,'n1','node','{}',NULL,'active',1,NULL,1,1800000000000,1800000000000);
INSERT INTO "subnet" VALUES(2,'beta',1,4,X'0000000000000000000000000A000010',29,NULL,NULL,NULL,NULL,NULL,NULL,'node','{}',NULL,'active',1,NULL,0,1800000000000,1800000000000);
INSERT INTO "subnet" VALUES(5,'red-one',2,4,X'0000000000000000000000000A000000',28,NULL,NULL,NULL,NULL,NULL,NULL,'node','{}',NULL,'active',1,NULL,0,1800000000000,1800000000000);
CREATE TABLE traffic (
        node TEXT NOT NULL,
        prefix TEXT NOT NULL,
        data TEXT NOT NULL,
        PRIMARY KEY (node, prefix)
    ) WITHOUT ROWID
    ;
CREATE INDEX pool_prefix_pool ON pool_prefix (pool_id);
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
CREATE INDEX subnet_node ON subnet (node) WHERE node IS NOT NULL;
CREATE INDEX subnet_expires_at ON subnet (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX occupied_until ON occupied (until) WHERE until IS NOT NULL;
CREATE INDEX occupied_name ON occupied (name) WHERE name IS NOT NULL;
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
CREATE INDEX reservation_workload ON reservation (workload, starts_at);
CREATE INDEX reservation_expires_at ON reservation (expires_at);
CREATE INDEX reservation_node ON reservation (node) WHERE node IS NOT NULL;
CREATE INDEX reserved_state ON reserved (reservation_id, state, predicted IS NOT NULL, ordinal);
CREATE UNIQUE INDEX reserved_start ON reserved (pool_id, family, start);
CREATE INDEX reserved_predicted ON reserved (predicted) WHERE predicted IS NOT NULL;
CREATE INDEX instance_node ON instance (node) WHERE node IS NOT NULL;
CREATE INDEX instance_leaving ON instance (leaving) WHERE leaving IS NOT NULL;
CREATE INDEX instance_workload ON instance (workload);
CREATE INDEX instance_reservation ON instance (reservation_id) WHERE reservation_id IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('pool',3);
INSERT INTO "sqlite_sequence" VALUES('event',38);
INSERT INTO "sqlite_sequence" VALUES('subnet',6);
INSERT INTO "sqlite_sequence" VALUES('reservation',3);
INSERT INTO "sqlite_sequence" VALUES('instance',8);
COMMIT;
