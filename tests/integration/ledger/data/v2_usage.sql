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
INSERT INTO "event" VALUES(1,1800000000000,'test','pool.declared','pool','s',NULL,'{"bandwidth":null,"dns_servers":[],"excluded":[],"gateway":"node","kind":"shadow","lend":false,"location":null,"name":"s","prefixes":["10.200.0.0/26"],"quarantine":"10m","routing_domain":"default","security_profiles":[],"strategy":"first_fit","workload_cap":null}');
INSERT INTO "event" VALUES(2,1800000000000,'test','pool.declared','pool','six',NULL,'{"bandwidth":null,"dns_servers":[],"excluded":[],"gateway":"node","kind":"shadow","lend":false,"location":null,"name":"six","prefixes":["2001:db8::/48"],"quarantine":"0s","routing_domain":"default","security_profiles":[],"strategy":"first_fit","workload_cap":null}');
INSERT INTO "event" VALUES(3,1800000000000,'test','pool.declared','pool','sf',NULL,'{"bandwidth":null,"dns_servers":[],"excluded":[],"gateway":"node","kind":"shadow","lend":false,"location":"fra1","name":"sf","prefixes":["10.201.0.0/26"],"quarantine":"10m","routing_domain":"default","security_profiles":[],"strategy":"first_fit","workload_cap":null}');
INSERT INTO "event" VALUES(4,1800000000000,'test','pool.declared','pool','p',NULL,'{"bandwidth":null,"dns_servers":[],"excluded":[],"gateway":"node","kind":"provider","lend":false,"location":null,"name":"p","prefixes":["10.1.0.0/25"],"quarantine":"5m","routing_domain":"default","security_profiles":[],"strategy":"first_fit","workload_cap":null}');
INSERT INTO "event" VALUES(5,1800000000000,'test','pool.declared','pool','p6',NULL,'{"bandwidth":null,"dns_servers":[],"excluded":[],"gateway":"node","kind":"provider","lend":false,"location":null,"name":"p6","prefixes":["2001:db8:1::/48"],"quarantine":"5m","routing_domain":"default","security_profiles":[],"strategy":"first_fit","workload_cap":null}');
INSERT INTO "event" VALUES(6,1800000000000,'test','reservation.made','reservation','x: exhausted; y',NULL,'{"active":0,"confidence":0.9,"expires_at":"2027-01-15T18:00:00.000Z","family":"ipv4","forecast_id":"f1","held":[{"blocks":["10.200.0.0/32"],"pool":"s","state":"reserved"}],"id":1,"instances":1,"location":null,"name":"x: exhausted; y","node":"n2","pools":[],"predicted":{},"prefix_length":32,"security_profile":null,"starts_at":"2027-01-15T08:00:00.000Z","workload":"web"}');
INSERT INTO "event" VALUES(7,1800000000000,'test','reservation.made','reservation','later',NULL,'{"active":0,"confidence":0.5,"expires_at":"2027-01-15T12:00:00.000Z","family":"ipv4","forecast_id":"f1","held":[{"blocks":["10.200.0.2/31"],"pool":"s","state":"reserved"}],"id":2,"instances":2,"location":null,"name":"later","node":null,"pools":[],"predicted":{},"prefix_length":32,"security_profile":null,"starts_at":"2027-01-15T10:00:00.000Z","workload":"web"}');
INSERT INTO "event" VALUES(8,1800000000000,'test','reservation.made','reservation','db',NULL,'{"active":0,"confidence":null,"expires_at":"2027-01-15T10:00:00.000Z","family":"ipv4","forecast_id":"f1","held":[{"blocks":["10.201.0.0/31","10.201.0.2/32"],"pool":"sf","state":"reserved"}],"id":3,"instances":3,"location":"fra1","name":"db","node":null,"pools":[],"predicted":{},"prefix_length":32,"security_profile":null,"starts_at":"2027-01-15T08:00:00.000Z","workload":"db"}');
INSERT INTO "event" VALUES(9,1800000000000,'test','reservation.made','reservation','api',NULL,'{"active":0,"confidence":null,"expires_at":"2027-01-15T10:00:00.000Z","family":"ipv4","forecast_id":null,"held":[{"blocks":["10.200.0.1/32"],"pool":"s","state":"reserved"}],"id":4,"instances":1,"location":null,"name":"api","node":null,"pools":[],"predicted":{},"prefix_length":32,"security_profile":null,"starts_at":"2027-01-15T08:00:00.000Z","workload":"api"}');
INSERT INTO "event" VALUES(10,1800000000000,'test','instance.created','instance','web-1',NULL,'{"address":"10.1.0.0","assign":"none","cidr":"10.1.0.0/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":1,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"web-1","netns":null,"next_hop":null,"node":"n1","pool":"p","prefix_length":32,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"dynamic","status":"active","workload":"web"}');
INSERT INTO "event" VALUES(11,1800000000000,'test','unexpected_scaling','workload','web',NULL,'{"instance":"web-1","location":null,"node":"n1","reason":"x: exhausted; y: node: it is for n2, the instance is for n1; later: not begun: it begins at 2027-01-15T10:00:00.000Z","reservations":[{"expires_at":"2027-01-15T18:00:00.000Z","instances":1,"name":"x: exhausted; y","reserved":1,"starts_at":"2027-01-15T08:00:00.000Z"},{"expires_at":"2027-01-15T12:00:00.000Z","instances":2,"name":"later","reserved":2,"starts_at":"2027-01-15T10:00:00.000Z"}],"security_profile":null,"standing":2,"workload":"web"}');
INSERT INTO "event" VALUES(12,1800000000000,'test','instance.created','instance','web-2',NULL,'{"address":"10.200.0.0","assign":"none","cidr":"10.200.0.0/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":2,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"web-2","netns":null,"next_hop":null,"node":"n2","pool":"s","prefix_length":32,"reason":null,"reservation_id":1,"revision":0,"security_profile":null,"source":"shadow","status":"active","workload":"web"}');
INSERT INTO "event" VALUES(13,1800000000000,'test','instance.created','instance','web-3',NULL,'{"address":"10.1.0.1","assign":"none","cidr":"10.1.0.1/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":3,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"web-3","netns":null,"next_hop":null,"node":"n2","pool":"p","prefix_length":32,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"dynamic","status":"active","workload":"web"}');
INSERT INTO "event" VALUES(14,1800000000000,'test','unexpected_scaling','workload','web',NULL,'{"instance":"web-3","location":null,"node":"n2","reason":"x: exhausted; y: exhausted: every prefix has an instance, or rests after one; later: not begun: it begins at 2027-01-15T10:00:00.000Z","reservations":[{"active":1,"expires_at":"2027-01-15T18:00:00.000Z","instances":1,"name":"x: exhausted; y","starts_at":"2027-01-15T08:00:00.000Z"},{"expires_at":"2027-01-15T12:00:00.000Z","instances":2,"name":"later","reserved":2,"starts_at":"2027-01-15T10:00:00.000Z"}],"security_profile":null,"standing":2,"workload":"web"}');
INSERT INTO "event" VALUES(15,1800000000000,'test','instance.created','instance','db-1',NULL,'{"address":"10.1.0.2","assign":"none","cidr":"10.1.0.2/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":4,"instance_interface":null,"interface":null,"leaving":null,"location":"ber1","mac":null,"name":"db-1","netns":null,"next_hop":null,"node":null,"pool":"p","prefix_length":32,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"dynamic","status":"active","workload":"db"}');
INSERT INTO "event" VALUES(16,1800000000000,'test','unexpected_scaling','workload','db',NULL,'{"instance":"db-1","location":"ber1","node":null,"reason":"db: location: it is for fra1, the instance is for ber1","reservations":[{"expires_at":"2027-01-15T10:00:00.000Z","instances":3,"name":"db","reserved":3,"starts_at":"2027-01-15T08:00:00.000Z"}],"security_profile":null,"standing":1,"workload":"db"}');
INSERT INTO "event" VALUES(17,1800000000000,'test','instance.created','instance','db-2',NULL,'{"address":"10.201.0.0","assign":"none","cidr":"10.201.0.0/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":5,"instance_interface":null,"interface":null,"leaving":null,"location":"fra1","mac":null,"name":"db-2","netns":null,"next_hop":null,"node":null,"pool":"sf","prefix_length":32,"reason":null,"reservation_id":3,"revision":0,"security_profile":null,"source":"shadow","status":"active","workload":"db"}');
INSERT INTO "event" VALUES(18,1800000000000,'test','instance.created','instance','new-1',NULL,'{"address":"10.1.0.3","assign":"none","cidr":"10.1.0.3/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":6,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"new-1","netns":null,"next_hop":null,"node":null,"pool":"p","prefix_length":32,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"dynamic","status":"active","workload":"new"}');
INSERT INTO "event" VALUES(19,1800000000000,'test','unexpected_scaling','workload','new',NULL,'{"instance":"new-1","location":null,"node":null,"reason":"none: nothing is reserved for this workload","reservations":[],"security_profile":null,"standing":0,"workload":"new"}');
INSERT INTO "event" VALUES(20,1800000000000,'test','instance.created','instance','api-1',NULL,'{"address":"2001:db8:1::","assign":"none","cidr":"2001:db8:1::/128","created_at":"2027-01-15T08:00:00.000Z","family":"ipv6","gateway":null,"id":7,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"api-1","netns":null,"next_hop":null,"node":null,"pool":"p6","prefix_length":128,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"dynamic","status":"active","workload":"api"}');
INSERT INTO "event" VALUES(21,1800000000000,'test','unexpected_scaling','workload','api',NULL,'{"instance":"api-1","location":null,"node":null,"reason":"api: family: it is of IPv4","reservations":[{"expires_at":"2027-01-15T10:00:00.000Z","instances":1,"name":"api","reserved":1,"starts_at":"2027-01-15T08:00:00.000Z"}],"security_profile":null,"standing":1,"workload":"api"}');
INSERT INTO "event" VALUES(22,1800001800000,'test','instance.deleted','instance','new-1','{"address":"10.1.0.3","assign":"none","cidr":"10.1.0.3/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":6,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"new-1","netns":null,"next_hop":null,"node":null,"pool":"p","prefix_length":32,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"dynamic","status":"active","workload":"new"}',NULL);
INSERT INTO "event" VALUES(23,1800001800000,'test','instance.created','instance','new-1',NULL,'{"address":"10.1.0.3","assign":"none","cidr":"10.1.0.3/32","created_at":"2027-01-15T08:30:00.000Z","family":"ipv4","gateway":null,"id":8,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"new-1","netns":null,"next_hop":null,"node":null,"pool":"p","prefix_length":32,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"dynamic","status":"active","workload":"new"}');
INSERT INTO "event" VALUES(24,1800001800000,'test','instance.deleted','instance','web-2','{"address":"10.200.0.0","assign":"none","cidr":"10.200.0.0/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":2,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"web-2","netns":null,"next_hop":null,"node":"n2","pool":"s","prefix_length":32,"reason":null,"reservation_id":1,"revision":0,"security_profile":null,"source":"shadow","status":"active","workload":"web"}',NULL);
INSERT INTO "event" VALUES(25,1800001800000,'test','reservation.changed','reservation','db','{"active":1,"confidence":null,"expires_at":"2027-01-15T10:00:00.000Z","family":"ipv4","forecast_id":"f1","held":[{"blocks":["10.201.0.0/32"],"pool":"sf","state":"active"},{"blocks":["10.201.0.1/32","10.201.0.2/32"],"pool":"sf","state":"reserved"}],"id":3,"instances":3,"location":"fra1","name":"db","node":null,"pools":[],"predicted":{},"prefix_length":32,"security_profile":null,"starts_at":"2027-01-15T08:00:00.000Z","workload":"db"}','{"active":1,"confidence":null,"expires_at":"2027-01-15T11:00:00.000Z","family":"ipv4","forecast_id":"f2","held":[{"blocks":["10.201.0.0/32"],"pool":"sf","state":"active"},{"blocks":["10.201.0.1/32","10.201.0.2/31","10.201.0.4/32"],"pool":"sf","state":"reserved"}],"id":3,"instances":5,"location":"fra1","name":"db","node":null,"pools":[],"predicted":{},"prefix_length":32,"security_profile":null,"starts_at":"2027-01-15T08:00:00.000Z","workload":"db"}');
INSERT INTO "event" VALUES(26,1800001800000,'test','instance.created','instance','web-4',NULL,'{"address":"10.1.0.4","assign":"none","cidr":"10.1.0.4/32","created_at":"2027-01-15T08:30:00.000Z","family":"ipv4","gateway":null,"id":9,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"web-4","netns":null,"next_hop":null,"node":"n2","pool":"p","prefix_length":32,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"dynamic","status":"active","workload":"web"}');
INSERT INTO "event" VALUES(27,1800001800000,'test','unexpected_scaling','workload','web',NULL,'{"instance":"web-4","location":null,"node":"n2","reason":"x: exhausted; y: exhausted: every prefix has an instance, or rests after one; later: not begun: it begins at 2027-01-15T10:00:00.000Z","reservations":[{"expires_at":"2027-01-15T18:00:00.000Z","instances":1,"name":"x: exhausted; y","resting":1,"starts_at":"2027-01-15T08:00:00.000Z"},{"expires_at":"2027-01-15T12:00:00.000Z","instances":2,"name":"later","reserved":2,"starts_at":"2027-01-15T10:00:00.000Z"}],"security_profile":null,"standing":2,"workload":"web"}');
INSERT INTO "event" VALUES(28,1800001800000,'test','instance.created','instance','db-3',NULL,'{"address":"10.201.0.1","assign":"none","cidr":"10.201.0.1/32","created_at":"2027-01-15T08:30:00.000Z","family":"ipv4","gateway":null,"id":10,"instance_interface":null,"interface":"tap0","leaving":null,"location":"fra1","mac":null,"name":"db-3","netns":null,"next_hop":null,"node":"n2","pool":"sf","prefix_length":32,"reason":null,"reservation_id":3,"revision":2,"security_profile":null,"source":"shadow","status":"pending","workload":"db"}');
INSERT INTO "event" VALUES(29,1800005400000,'test','instance.deleted','instance','db-3','{"address":"10.201.0.1","assign":"none","cidr":"10.201.0.1/32","created_at":"2027-01-15T08:30:00.000Z","family":"ipv4","gateway":null,"id":10,"instance_interface":null,"interface":"tap0","leaving":null,"location":"fra1","mac":null,"name":"db-3","netns":null,"next_hop":null,"node":"n2","pool":"sf","prefix_length":32,"reason":null,"reservation_id":3,"revision":2,"security_profile":null,"source":"shadow","status":"pending","workload":"db"}','{"address":"10.201.0.1","assign":"none","cidr":"10.201.0.1/32","created_at":"2027-01-15T08:30:00.000Z","family":"ipv4","gateway":null,"id":10,"instance_interface":null,"interface":"tap0","leaving":null,"location":"fra1","mac":null,"name":"db-3","netns":null,"next_hop":null,"node":"n2","pool":"sf","prefix_length":32,"reason":null,"reservation_id":3,"revision":3,"security_profile":null,"source":"shadow","status":"releasing","workload":"db"}');
INSERT INTO "event" VALUES(30,1800010800000,'test','reservation.expired','reservation','api','{"active":0,"confidence":null,"expires_at":"2027-01-15T10:00:00.000Z","family":"ipv4","forecast_id":null,"held":[{"blocks":["10.200.0.1/32"],"pool":"s","state":"reserved"}],"id":4,"instances":1,"location":null,"name":"api","node":null,"pools":[],"predicted":{},"prefix_length":32,"security_profile":null,"starts_at":"2027-01-15T08:00:00.000Z","workload":"api"}',NULL);
INSERT INTO "event" VALUES(31,1800010800000,'test','reservation.expired','reservation','db','{"active":2,"confidence":null,"expires_at":"2027-01-15T11:00:00.000Z","family":"ipv4","forecast_id":"f2","held":[{"blocks":["10.201.0.0/31"],"pool":"sf","state":"active"},{"blocks":["10.201.0.2/31","10.201.0.4/32"],"pool":"sf","state":"reserved"}],"id":3,"instances":5,"location":"fra1","name":"db","node":null,"pools":[],"predicted":{},"prefix_length":32,"security_profile":null,"starts_at":"2027-01-15T08:00:00.000Z","workload":"db"}',NULL);
INSERT INTO "event" VALUES(32,1800010800000,'test','prefix.reserved','prefix','10.200.0.0/32','{"last":"web-2","pool":"s"}','{"pool":"s","reservation":1}');
INSERT INTO "event" VALUES(33,1800010800000,'test','instance.created','instance','web-5',NULL,'{"address":"10.200.0.2","assign":"none","cidr":"10.200.0.2/32","created_at":"2027-01-15T11:00:00.000Z","family":"ipv4","gateway":null,"id":11,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"web-5","netns":null,"next_hop":null,"node":"n3","pool":"s","prefix_length":32,"reason":null,"reservation_id":2,"revision":0,"security_profile":null,"source":"shadow","status":"active","workload":"web"}');
INSERT INTO "event" VALUES(34,1800010800000,'test','instance.created','instance','web-6',NULL,'{"address":"10.200.0.3","assign":"none","cidr":"10.200.0.3/32","created_at":"2027-01-15T11:00:00.000Z","family":"ipv4","gateway":null,"id":12,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"web-6","netns":null,"next_hop":null,"node":"n3","pool":"s","prefix_length":32,"reason":null,"reservation_id":2,"revision":0,"security_profile":null,"source":"shadow","status":"active","workload":"web"}');
INSERT INTO "event" VALUES(35,1800010800000,'test','instance.deleted','instance','db-2','{"address":"10.201.0.0","assign":"none","cidr":"10.201.0.0/32","created_at":"2027-01-15T08:00:00.000Z","family":"ipv4","gateway":null,"id":5,"instance_interface":null,"interface":null,"leaving":null,"location":"fra1","mac":null,"name":"db-2","netns":null,"next_hop":null,"node":null,"pool":"sf","prefix_length":32,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"shadow","status":"active","workload":"db"}',NULL);
INSERT INTO "event" VALUES(36,1800014400000,'test','reservation.expired','reservation','later','{"active":2,"confidence":0.5,"expires_at":"2027-01-15T12:00:00.000Z","family":"ipv4","forecast_id":"f1","held":[{"blocks":["10.200.0.2/31"],"pool":"s","state":"active"}],"id":2,"instances":2,"location":null,"name":"later","node":null,"pools":[],"predicted":{},"prefix_length":32,"security_profile":null,"starts_at":"2027-01-15T10:00:00.000Z","workload":"web"}',NULL);
INSERT INTO "event" VALUES(37,1800014400000,'test','prefix.freed','prefix','10.201.0.0/32','{"last":"db-2","pool":"sf"}',NULL);
INSERT INTO "event" VALUES(38,1800014400000,'test','instance.created','instance','soon-1',NULL,'{"address":"10.1.0.5","assign":"none","cidr":"10.1.0.5/32","created_at":"2027-01-15T12:00:00.000Z","family":"ipv4","gateway":null,"id":13,"instance_interface":null,"interface":null,"leaving":null,"location":null,"mac":null,"name":"soon-1","netns":null,"next_hop":null,"node":null,"pool":"p","prefix_length":32,"reason":null,"reservation_id":null,"revision":0,"security_profile":null,"source":"dynamic","status":"active","workload":"soon"}');
INSERT INTO "event" VALUES(39,1800014400000,'test','unexpected_scaling','workload','soon',NULL,'{"instance":"soon-1","location":null,"node":null,"reason":"none: nothing is reserved for this workload","reservations":[],"security_profile":null,"standing":0,"workload":"soon"}');
CREATE TABLE floor (
        node TEXT NOT NULL,
        pool_id INTEGER NOT NULL REFERENCES pool (id),
        PRIMARY KEY (node, pool_id)
    ) WITHOUT ROWID
    ;
INSERT INTO "floor" VALUES('n2',1);
INSERT INTO "floor" VALUES('n2',3);
CREATE TABLE free_block (
        pool_id INTEGER NOT NULL REFERENCES pool (id),
        family INTEGER NOT NULL,
        prefix_length INTEGER NOT NULL,
        start BLOB NOT NULL CHECK (length(start) = 16),
        PRIMARY KEY (pool_id, family, prefix_length, start)
    ) WITHOUT ROWID
    ;
INSERT INTO "free_block" VALUES(1,4,27,X'0000000000000000000000000AC80020');
INSERT INTO "free_block" VALUES(1,4,28,X'0000000000000000000000000AC80010');
INSERT INTO "free_block" VALUES(1,4,29,X'0000000000000000000000000AC80008');
INSERT INTO "free_block" VALUES(1,4,30,X'0000000000000000000000000AC80004');
INSERT INTO "free_block" VALUES(1,4,32,X'0000000000000000000000000AC80001');
INSERT INTO "free_block" VALUES(2,6,48,X'20010DB8000000000000000000000000');
INSERT INTO "free_block" VALUES(3,4,27,X'0000000000000000000000000AC90020');
INSERT INTO "free_block" VALUES(3,4,28,X'0000000000000000000000000AC90010');
INSERT INTO "free_block" VALUES(3,4,29,X'0000000000000000000000000AC90008');
INSERT INTO "free_block" VALUES(3,4,30,X'0000000000000000000000000AC90004');
INSERT INTO "free_block" VALUES(3,4,31,X'0000000000000000000000000AC90002');
INSERT INTO "free_block" VALUES(3,4,32,X'0000000000000000000000000AC90000');
INSERT INTO "free_block" VALUES(4,4,26,X'0000000000000000000000000A010040');
INSERT INTO "free_block" VALUES(4,4,27,X'0000000000000000000000000A010020');
INSERT INTO "free_block" VALUES(4,4,28,X'0000000000000000000000000A010010');
INSERT INTO "free_block" VALUES(4,4,29,X'0000000000000000000000000A010008');
INSERT INTO "free_block" VALUES(4,4,31,X'0000000000000000000000000A010006');
INSERT INTO "free_block" VALUES(5,6,49,X'20010DB8000180000000000000000000');
INSERT INTO "free_block" VALUES(5,6,50,X'20010DB8000140000000000000000000');
INSERT INTO "free_block" VALUES(5,6,51,X'20010DB8000120000000000000000000');
INSERT INTO "free_block" VALUES(5,6,52,X'20010DB8000110000000000000000000');
INSERT INTO "free_block" VALUES(5,6,53,X'20010DB8000108000000000000000000');
INSERT INTO "free_block" VALUES(5,6,54,X'20010DB8000104000000000000000000');
INSERT INTO "free_block" VALUES(5,6,55,X'20010DB8000102000000000000000000');
INSERT INTO "free_block" VALUES(5,6,56,X'20010DB8000101000000000000000000');
INSERT INTO "free_block" VALUES(5,6,57,X'20010DB8000100800000000000000000');
INSERT INTO "free_block" VALUES(5,6,58,X'20010DB8000100400000000000000000');
INSERT INTO "free_block" VALUES(5,6,59,X'20010DB8000100200000000000000000');
INSERT INTO "free_block" VALUES(5,6,60,X'20010DB8000100100000000000000000');
INSERT INTO "free_block" VALUES(5,6,61,X'20010DB8000100080000000000000000');
INSERT INTO "free_block" VALUES(5,6,62,X'20010DB8000100040000000000000000');
INSERT INTO "free_block" VALUES(5,6,63,X'20010DB8000100020000000000000000');
INSERT INTO "free_block" VALUES(5,6,64,X'20010DB8000100010000000000000000');
INSERT INTO "free_block" VALUES(5,6,65,X'20010DB8000100008000000000000000');
INSERT INTO "free_block" VALUES(5,6,66,X'20010DB8000100004000000000000000');
INSERT INTO "free_block" VALUES(5,6,67,X'20010DB8000100002000000000000000');
INSERT INTO "free_block" VALUES(5,6,68,X'20010DB8000100001000000000000000');
INSERT INTO "free_block" VALUES(5,6,69,X'20010DB8000100000800000000000000');
INSERT INTO "free_block" VALUES(5,6,70,X'20010DB8000100000400000000000000');
INSERT INTO "free_block" VALUES(5,6,71,X'20010DB8000100000200000000000000');
INSERT INTO "free_block" VALUES(5,6,72,X'20010DB8000100000100000000000000');
INSERT INTO "free_block" VALUES(5,6,73,X'20010DB8000100000080000000000000');
INSERT INTO "free_block" VALUES(5,6,74,X'20010DB8000100000040000000000000');
INSERT INTO "free_block" VALUES(5,6,75,X'20010DB8000100000020000000000000');
INSERT INTO "free_block" VALUES(5,6,76,X'20010DB8000100000010000000000000');
INSERT INTO "free_block" VALUES(5,6,77,X'20010DB8000100000008000000000000');
INSERT INTO "free_block" VALUES(5,6,78,X'20010DB8000100000004000000000000');
INSERT INTO "free_block" VALUES(5,6,79,X'20010DB8000100000002000000000000');
INSERT INTO "free_block" VALUES(5,6,80,X'20010DB8000100000001000000000000');
INSERT INTO "free_block" VALUES(5,6,81,X'20010DB8000100000000800000000000');
INSERT INTO "free_block" VALUES(5,6,82,X'20010DB8000100000000400000000000');
INSERT INTO "free_block" VALUES(5,6,83,X'20010DB8000100000000200000000000');
INSERT INTO "free_block" VALUES(5,6,84,X'20010DB8000100000000100000000000');
INSERT INTO "free_block" VALUES(5,6,85,X'20010DB8000100000000080000000000');
INSERT INTO "free_block" VALUES(5,6,86,X'20010DB8000100000000040000000000');
INSERT INTO "free_block" VALUES(5,6,87,X'20010DB8000100000000020000000000');
INSERT INTO "free_block" VALUES(5,6,88,X'20010DB8000100000000010000000000');
INSERT INTO "free_block" VALUES(5,6,89,X'20010DB8000100000000008000000000');
INSERT INTO "free_block" VALUES(5,6,90,X'20010DB8000100000000004000000000');
INSERT INTO "free_block" VALUES(5,6,91,X'20010DB8000100000000002000000000');
INSERT INTO "free_block" VALUES(5,6,92,X'20010DB8000100000000001000000000');
INSERT INTO "free_block" VALUES(5,6,93,X'20010DB8000100000000000800000000');
INSERT INTO "free_block" VALUES(5,6,94,X'20010DB8000100000000000400000000');
INSERT INTO "free_block" VALUES(5,6,95,X'20010DB8000100000000000200000000');
INSERT INTO "free_block" VALUES(5,6,96,X'20010DB8000100000000000100000000');
INSERT INTO "free_block" VALUES(5,6,97,X'20010DB8000100000000000080000000');
INSERT INTO "free_block" VALUES(5,6,98,X'20010DB8000100000000000040000000');
INSERT INTO "free_block" VALUES(5,6,99,X'20010DB8000100000000000020000000');
INSERT INTO "free_block" VALUES(5,6,100,X'20010DB8000100000000000010000000');
INSERT INTO "free_block" VALUES(5,6,101,X'20010DB8000100000000000008000000');
INSERT INTO "free_block" VALUES(5,6,102,X'20010DB8000100000000000004000000');
INSERT INTO "free_block" VALUES(5,6,103,X'20010DB8000100000000000002000000');
INSERT INTO "free_block" VALUES(5,6,104,X'20010DB8000100000000000001000000');
INSERT INTO "free_block" VALUES(5,6,105,X'20010DB8000100000000000000800000');
INSERT INTO "free_block" VALUES(5,6,106,X'20010DB8000100000000000000400000');
INSERT INTO "free_block" VALUES(5,6,107,X'20010DB8000100000000000000200000');
INSERT INTO "free_block" VALUES(5,6,108,X'20010DB8000100000000000000100000');
INSERT INTO "free_block" VALUES(5,6,109,X'20010DB8000100000000000000080000');
INSERT INTO "free_block" VALUES(5,6,110,X'20010DB8000100000000000000040000');
INSERT INTO "free_block" VALUES(5,6,111,X'20010DB8000100000000000000020000');
INSERT INTO "free_block" VALUES(5,6,112,X'20010DB8000100000000000000010000');
INSERT INTO "free_block" VALUES(5,6,113,X'20010DB8000100000000000000008000');
INSERT INTO "free_block" VALUES(5,6,114,X'20010DB8000100000000000000004000');
INSERT INTO "free_block" VALUES(5,6,115,X'20010DB8000100000000000000002000');
INSERT INTO "free_block" VALUES(5,6,116,X'20010DB8000100000000000000001000');
INSERT INTO "free_block" VALUES(5,6,117,X'20010DB8000100000000000000000800');
INSERT INTO "free_block" VALUES(5,6,118,X'20010DB8000100000000000000000400');
INSERT INTO "free_block" VALUES(5,6,119,X'20010DB8000100000000000000000200');
INSERT INTO "free_block" VALUES(5,6,120,X'20010DB8000100000000000000000100');
INSERT INTO "free_block" VALUES(5,6,121,X'20010DB8000100000000000000000080');
INSERT INTO "free_block" VALUES(5,6,122,X'20010DB8000100000000000000000040');
INSERT INTO "free_block" VALUES(5,6,123,X'20010DB8000100000000000000000020');
INSERT INTO "free_block" VALUES(5,6,124,X'20010DB8000100000000000000000010');
INSERT INTO "free_block" VALUES(5,6,125,X'20010DB8000100000000000000000008');
INSERT INTO "free_block" VALUES(5,6,126,X'20010DB8000100000000000000000004');
INSERT INTO "free_block" VALUES(5,6,127,X'20010DB8000100000000000000000002');
INSERT INTO "free_block" VALUES(5,6,128,X'20010DB8000100000000000000000001');
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
INSERT INTO "instance" VALUES(1,'web-1','web','dynamic',4,4,X'0000000000000000000000000A010000',32,NULL,NULL,'n1',NULL,NULL,'none',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'active',1,NULL,0,1800000000000,1800000000000);
INSERT INTO "instance" VALUES(3,'web-3','web','dynamic',4,4,X'0000000000000000000000000A010001',32,NULL,NULL,'n2',NULL,NULL,'none',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'active',1,NULL,0,1800000000000,1800000000000);
INSERT INTO "instance" VALUES(4,'db-1','db','dynamic',4,4,X'0000000000000000000000000A010002',32,NULL,NULL,NULL,NULL,NULL,'none',NULL,NULL,NULL,NULL,NULL,0,'ber1',NULL,'active',1,NULL,0,1800000000000,1800000000000);
INSERT INTO "instance" VALUES(7,'api-1','api','dynamic',5,6,X'20010DB8000100000000000000000000',128,NULL,NULL,NULL,NULL,NULL,'none',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'active',1,NULL,0,1800000000000,1800000000000);
INSERT INTO "instance" VALUES(8,'new-1','new','dynamic',4,4,X'0000000000000000000000000A010003',32,NULL,NULL,NULL,NULL,NULL,'none',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'active',1,NULL,0,1800001800000,1800001800000);
INSERT INTO "instance" VALUES(9,'web-4','web','dynamic',4,4,X'0000000000000000000000000A010004',32,NULL,NULL,'n2',NULL,NULL,'none',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'active',1,NULL,0,1800001800000,1800001800000);
INSERT INTO "instance" VALUES(10,'db-3','db','shadow',3,4,X'0000000000000000000000000AC90001',32,NULL,NULL,'n2','tap0',NULL,'none',NULL,NULL,NULL,NULL,NULL,0,'fra1',NULL,'releasing',0,NULL,3,1800001800000,1800005400000);
INSERT INTO "instance" VALUES(11,'web-5','web','shadow',1,4,X'0000000000000000000000000AC80002',32,NULL,NULL,'n3',NULL,NULL,'none',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'active',1,NULL,0,1800010800000,1800010800000);
INSERT INTO "instance" VALUES(12,'web-6','web','shadow',1,4,X'0000000000000000000000000AC80003',32,NULL,NULL,'n3',NULL,NULL,'none',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'active',1,NULL,0,1800010800000,1800010800000);
INSERT INTO "instance" VALUES(13,'soon-1','soon','dynamic',4,4,X'0000000000000000000000000A010005',32,NULL,NULL,NULL,NULL,NULL,'none',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'active',1,NULL,0,1800014400000,1800014400000);
CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('id','d89d65f33991cec1');
CREATE TABLE node (
        name TEXT NOT NULL PRIMARY KEY,
        revision INTEGER NOT NULL,
        applied_revision INTEGER NOT NULL,
        failed_revision INTEGER,
        reason TEXT CHECK ((reason IS NULL) = (failed_revision IS NULL))
    );
INSERT INTO "node" VALUES('n2',3,0,NULL,NULL);
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
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A010000',X'0000000000000000000000000A010000',32,4,'instance',1,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A010001',X'0000000000000000000000000A010001',32,4,'instance',3,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A010002',X'0000000000000000000000000A010002',32,4,'instance',4,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A010003',X'0000000000000000000000000A010003',32,4,'instance',8,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A010004',X'0000000000000000000000000A010004',32,4,'instance',9,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000A010005',X'0000000000000000000000000A010005',32,4,'instance',13,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000AC80000',X'0000000000000000000000000AC80000',32,1,'reservation',1,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000AC80002',X'0000000000000000000000000AC80002',32,1,'instance',11,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000AC80003',X'0000000000000000000000000AC80003',32,1,'instance',12,NULL,NULL);
INSERT INTO "occupied" VALUES(1,4,X'0000000000000000000000000AC90001',X'0000000000000000000000000AC90001',32,3,'instance',10,NULL,NULL);
INSERT INTO "occupied" VALUES(1,6,X'20010DB8000100000000000000000000',X'20010DB8000100000000000000000000',128,5,'instance',7,NULL,NULL);
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
INSERT INTO "pool" VALUES(1,'s','shadow',1,'[]',NULL,'[]',NULL,0,'first_fit',600,'node',0,NULL,'[]',0,X'0000000000000000000000000AC80002',X'00000000000000000000000000000000');
INSERT INTO "pool" VALUES(2,'six','shadow',1,'[]',NULL,'[]',NULL,0,'first_fit',0,'node',0,NULL,'[]',0,X'00000000000000000000000000000000',X'00000000000000000000000000000000');
INSERT INTO "pool" VALUES(3,'sf','shadow',1,'[]','fra1','[]',NULL,0,'first_fit',600,'node',0,NULL,'[]',0,X'0000000000000000000000000AC90005',X'00000000000000000000000000000000');
INSERT INTO "pool" VALUES(4,'p','provider',1,'[]',NULL,'[]',NULL,0,'first_fit',300,'node',0,NULL,'[]',0,X'0000000000000000000000000A010006',X'00000000000000000000000000000000');
INSERT INTO "pool" VALUES(5,'p6','provider',1,'[]',NULL,'[]',NULL,0,'first_fit',300,'node',0,NULL,'[]',0,X'00000000000000000000000000000000',X'20010DB8000100000000000000000001');
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
INSERT INTO "pool_prefix" VALUES(1,4,X'0000000000000000000000000A010000',X'0000000000000000000000000A01007F',25,4);
INSERT INTO "pool_prefix" VALUES(1,4,X'0000000000000000000000000AC80000',X'0000000000000000000000000AC8003F',26,1);
INSERT INTO "pool_prefix" VALUES(1,4,X'0000000000000000000000000AC90000',X'0000000000000000000000000AC9003F',26,3);
INSERT INTO "pool_prefix" VALUES(1,6,X'20010DB8000000000000000000000000',X'20010DB80000FFFFFFFFFFFFFFFFFFFF',48,2);
INSERT INTO "pool_prefix" VALUES(1,6,X'20010DB8000100000000000000000000',X'20010DB80001FFFFFFFFFFFFFFFFFFFF',48,5);
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
INSERT INTO "reservation" VALUES(1,'x: exhausted; y','web',4,32,1,'[]','n2',NULL,NULL,1800000000000,1800036000000,0.9,'f1',1800000000000,1800000000000);
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
INSERT INTO "reserved" VALUES(1,0,1,4,X'0000000000000000000000000AC80000',32,NULL,'reserved');
CREATE TABLE routing_domain (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
INSERT INTO "routing_domain" VALUES(1,'default');
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
INSERT INTO "sqlite_sequence" VALUES('pool',5);
INSERT INTO "sqlite_sequence" VALUES('event',39);
INSERT INTO "sqlite_sequence" VALUES('reservation',4);
INSERT INTO "sqlite_sequence" VALUES('instance',13);
COMMIT;
