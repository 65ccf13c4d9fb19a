PRAGMA application_id = 1869442665;
PRAGMA user_version = 9;
BEGIN TRANSACTION;
CREATE TABLE attempts (
    request_id     TEXT    NOT NULL,
    attempt        INTEGER NOT NULL,
    provider       TEXT    NOT NULL,
    model          TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    verdict        TEXT    NOT NULL,
    status         INTEGER NOT NULL,
    wall_ms        INTEGER NOT NULL,
    duration_ms    INTEGER NOT NULL,
    first_byte_ms  INTEGER NOT NULL,
    usage          TEXT    NOT NULL,
    is_usage_known INTEGER NOT NULL,
    cost_nanousd   INTEGER NOT NULL,
    is_estimated   INTEGER NOT NULL,
    price_version  TEXT    NOT NULL,
    error          TEXT    NOT NULL,
    epoch          INTEGER NOT NULL,
    PRIMARY KEY (request_id, attempt)
) STRICT, WITHOUT ROWID;
INSERT INTO "attempts" VALUES('01a22b3fd35dcc9e506450a5cb25f592',1,'openai','fake-small','good','success',200,1796021932897,50,5,'{"input":3,"output":20}',1,33200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a22b3fd45f2282b64d12475ef07f64',1,'openai','fake-small','spare','success',200,1796021933152,1,0,'{"input":3,"output":20}',1,33200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a22b3fd4e66c884d6649ab1488bf8d',1,'openai','fake-small','spare','success',200,1796021933286,2,1,'{"input":3,"output":20}',1,33200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a22b3fd58e77f5e86a9257e1379b6e',1,'openai','fake-small','spare','success',200,1796021933454,21,4,'{"input":3,"output":20}',1,33200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a22b3fd6214ad57beb00fc107e3208',1,'openai','fake-small','spare','success',200,1796021933601,5,4,'{"input":3,"output":20}',1,33200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',1,'openai','fake-small','spare','rate_limited',429,1796021933761,1,1,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','rate_limit_exceeded',1);
INSERT INTO "attempts" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',2,'openai','fake-small','good','rate_limited',429,1796021933774,6,6,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','rate_limit_exceeded',1);
INSERT INTO "attempts" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',3,'openai','fake-small','spare','rate_limited',429,1796021934083,2,1,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','rate_limit_exceeded',1);
INSERT INTO "attempts" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',4,'openai','fake-small','good','rate_limited',429,1796021934112,4,4,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','rate_limit_exceeded',1);
INSERT INTO "attempts" VALUES('01a22b3fd8dafa77252702239a688ce4',1,'openai','fake-small','spare','server_fault',500,1796021935885,0,0,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','server_error',1);
INSERT INTO "attempts" VALUES('01a22b3fd8dafa77252702239a688ce4',2,'openai','fake-small','spare','server_fault',500,1796021935904,0,0,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','server_error',1);
INSERT INTO "attempts" VALUES('01a22b3fd8dafa77252702239a688ce4',3,'openai','fake-small','spare','server_fault',500,1796021935905,2,2,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','server_error',1);
INSERT INTO "attempts" VALUES('01a22b3fd8dafa77252702239a688ce4',4,'openai','fake-small','spare','server_fault',500,1796021935928,5,5,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','server_error',1);
INSERT INTO "attempts" VALUES('01a22b3fdf9afec243f73a62203dd6a4',1,'openai','fake-small','spare','success',200,1796021936026,3,2,'{}',0,142400,1,'configured-6f51e4ba3351:openai/fake-small;bound=156+50+0','',1);
INSERT INTO "attempts" VALUES('01a22b3fe0122e8e4329c9ae33150700',1,'openai','fake-small','spare','lost',200,1796021936146,5,5,'{}',0,141600,1,'configured-6f51e4ba3351:openai/fake-small;bound=154+50+0','stream_cut',1);
INSERT INTO "attempts" VALUES('01a22b3fe06e9bd321977ea4c4a038d7',1,'openai','fake-small','good','success',200,1796021936238,1,0,'{"input":1,"output":20}',1,32400,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a22b3fe0a7e28c59d8529107b106ee',1,'openai','fake-small','good','success',200,1796021936296,2,2,'{"input":3,"output":20}',1,33200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a22b3fe0e10d8c342e59b5930922f0',1,'openai','fake-small','good','success',200,1796021936354,4,0,'{"input":3,"output":20}',1,33200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a22b3fe18b0d512bbd0b4a1ab76d01',1,'openai','fake-small','good','success',200,1796021936523,0,0,'{"input":3,"output":20}',1,33200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a22b3fe23b0f3fbd610a04b02eb3e1',1,'openai','fake-small','good','success',200,1796021936699,8,7,'{"input":3,"output":20}',1,33200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
CREATE TABLE balances (
    budget          TEXT    NOT NULL,
    period          TEXT    NOT NULL,
    settled_nanousd INTEGER NOT NULL,
    PRIMARY KEY (budget, period)
) STRICT, WITHOUT ROWID;
INSERT INTO "balances" VALUES('everything','2026-11',615200);
INSERT INTO "balances" VALUES('key:journey','2026-11',515600);
INSERT INTO "balances" VALUES('key:stored-0','2026-11',33200);
INSERT INTO "balances" VALUES('key:stored-1','2026-11',33200);
INSERT INTO "balances" VALUES('key:stored-2','2026-11',33200);
CREATE TABLE bindings (
    kind            TEXT    NOT NULL,
    upstream_id     TEXT    NOT NULL,
    provider        TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    caller          TEXT    NOT NULL,
    expires_wall_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, upstream_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "bindings" VALUES('item','msg_fake000000000016','openai','good','journey',1800773936246);
INSERT INTO "bindings" VALUES('response','resp_fake000000000016','openai','good','journey',1800773936246);
CREATE TABLE claims (
    scope           TEXT    NOT NULL PRIMARY KEY,
    fingerprint     TEXT    NOT NULL,
    request_id      TEXT    NOT NULL,
    state           INTEGER NOT NULL,
    expires_wall_ms INTEGER NOT NULL,
    status          INTEGER NOT NULL,
    outcome         TEXT    NOT NULL,
    content_type    TEXT    NOT NULL,
    reply           BLOB    NOT NULL
) STRICT;
INSERT INTO "claims" VALUES('916da7cbfd3c7428db038017e34251f871afce6be63927f1e65ecd4ee1694b65','c32378dfd6041bd06f34768fac8dacbe6bf84679d129ca296ac20553c6b41b53','01a22b3fe0a7e28c59d8529107b106ee',1,1796108336295,0,'','',X'');
CREATE TABLE daily (
    day               TEXT    NOT NULL,
    caller            TEXT    NOT NULL,
    model             TEXT    NOT NULL,
    provider          TEXT    NOT NULL,
    key               TEXT    NOT NULL,
    requests          INTEGER NOT NULL,
    attempts          INTEGER NOT NULL,
    cost_nanousd      INTEGER NOT NULL,
    input             INTEGER NOT NULL,
    cache_read        INTEGER NOT NULL,
    cache_write_short INTEGER NOT NULL,
    cache_write_long  INTEGER NOT NULL,
    output            INTEGER NOT NULL,
    reasoning         INTEGER NOT NULL,
    input_audio       INTEGER NOT NULL,
    output_audio      INTEGER NOT NULL,
    images            INTEGER NOT NULL,
    tool_calls        INTEGER NOT NULL, characters INTEGER NOT NULL DEFAULT 0, audio_ms INTEGER NOT NULL DEFAULT 0, cache_read_audio INTEGER NOT NULL DEFAULT 0, input_image INTEGER NOT NULL DEFAULT 0, cache_read_image INTEGER NOT NULL DEFAULT 0, input_video INTEGER NOT NULL DEFAULT 0, output_image INTEGER NOT NULL DEFAULT 0, output_video INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, caller, model, provider, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE daily_tags (
    day               TEXT    NOT NULL,
    tags              TEXT    NOT NULL,
    requests          INTEGER NOT NULL,
    attempts          INTEGER NOT NULL,
    cost_nanousd      INTEGER NOT NULL,
    input             INTEGER NOT NULL,
    cache_read        INTEGER NOT NULL,
    cache_write_short INTEGER NOT NULL,
    cache_write_long  INTEGER NOT NULL,
    output            INTEGER NOT NULL,
    reasoning         INTEGER NOT NULL,
    input_audio       INTEGER NOT NULL,
    output_audio      INTEGER NOT NULL,
    images            INTEGER NOT NULL,
    tool_calls        INTEGER NOT NULL, characters INTEGER NOT NULL DEFAULT 0, audio_ms INTEGER NOT NULL DEFAULT 0, cache_read_audio INTEGER NOT NULL DEFAULT 0, input_image INTEGER NOT NULL DEFAULT 0, cache_read_image INTEGER NOT NULL DEFAULT 0, input_video INTEGER NOT NULL DEFAULT 0, output_image INTEGER NOT NULL DEFAULT 0, output_video INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, tags)
) STRICT, WITHOUT ROWID;
INSERT INTO "daily_tags" VALUES('2026-11-30','job=j0',2,2,66400,6,0,0,0,40,0,0,0,0,0,0,0,0,0,0,0,0,0);
INSERT INTO "daily_tags" VALUES('2026-11-30','job=j1',2,2,66400,6,0,0,0,40,0,0,0,0,0,0,0,0,0,0,0,0,0);
INSERT INTO "daily_tags" VALUES('2026-11-30','job=j2',1,1,33200,3,0,0,0,20,0,0,0,0,0,0,0,0,0,0,0,0,0);
CREATE TABLE entries (
    request_id     TEXT    NOT NULL,
    attempt        INTEGER NOT NULL,
    kind           INTEGER NOT NULL,
    budget         TEXT    NOT NULL,
    period         TEXT    NOT NULL,
    amount_nanousd INTEGER NOT NULL,
    wall_ms        INTEGER NOT NULL,
    epoch          INTEGER NOT NULL,
    is_estimated   INTEGER NOT NULL,
    PRIMARY KEY (request_id, attempt, kind, budget)
) STRICT, WITHOUT ROWID;
INSERT INTO "entries" VALUES('01a22b3fd35dcc9e506450a5cb25f592',1,0,'everything','2026-11',136400,1796021932897,1,0);
INSERT INTO "entries" VALUES('01a22b3fd35dcc9e506450a5cb25f592',1,0,'key:journey','2026-11',136400,1796021932897,1,0);
INSERT INTO "entries" VALUES('01a22b3fd35dcc9e506450a5cb25f592',1,1,'everything','2026-11',33200,1796021932897,1,0);
INSERT INTO "entries" VALUES('01a22b3fd35dcc9e506450a5cb25f592',1,1,'key:journey','2026-11',33200,1796021932897,1,0);
INSERT INTO "entries" VALUES('01a22b3fd45f2282b64d12475ef07f64',1,0,'everything','2026-11',136400,1796021933152,1,0);
INSERT INTO "entries" VALUES('01a22b3fd45f2282b64d12475ef07f64',1,0,'key:journey','2026-11',136400,1796021933152,1,0);
INSERT INTO "entries" VALUES('01a22b3fd45f2282b64d12475ef07f64',1,1,'everything','2026-11',33200,1796021933152,1,0);
INSERT INTO "entries" VALUES('01a22b3fd45f2282b64d12475ef07f64',1,1,'key:journey','2026-11',33200,1796021933152,1,0);
INSERT INTO "entries" VALUES('01a22b3fd4e66c884d6649ab1488bf8d',1,0,'everything','2026-11',136400,1796021933286,1,0);
INSERT INTO "entries" VALUES('01a22b3fd4e66c884d6649ab1488bf8d',1,0,'key:journey','2026-11',136400,1796021933286,1,0);
INSERT INTO "entries" VALUES('01a22b3fd4e66c884d6649ab1488bf8d',1,1,'everything','2026-11',33200,1796021933286,1,0);
INSERT INTO "entries" VALUES('01a22b3fd4e66c884d6649ab1488bf8d',1,1,'key:journey','2026-11',33200,1796021933286,1,0);
INSERT INTO "entries" VALUES('01a22b3fd58e77f5e86a9257e1379b6e',1,0,'everything','2026-11',136400,1796021933454,1,0);
INSERT INTO "entries" VALUES('01a22b3fd58e77f5e86a9257e1379b6e',1,0,'key:journey','2026-11',136400,1796021933454,1,0);
INSERT INTO "entries" VALUES('01a22b3fd58e77f5e86a9257e1379b6e',1,1,'everything','2026-11',33200,1796021933454,1,0);
INSERT INTO "entries" VALUES('01a22b3fd58e77f5e86a9257e1379b6e',1,1,'key:journey','2026-11',33200,1796021933454,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6214ad57beb00fc107e3208',1,0,'everything','2026-11',136400,1796021933601,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6214ad57beb00fc107e3208',1,0,'key:journey','2026-11',136400,1796021933601,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6214ad57beb00fc107e3208',1,1,'everything','2026-11',33200,1796021933601,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6214ad57beb00fc107e3208',1,1,'key:journey','2026-11',33200,1796021933601,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',1,0,'everything','2026-11',141200,1796021933761,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',1,0,'key:journey','2026-11',141200,1796021933761,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',1,1,'everything','2026-11',0,1796021933761,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',1,1,'key:journey','2026-11',0,1796021933761,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',2,0,'everything','2026-11',141200,1796021933774,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',2,0,'key:journey','2026-11',141200,1796021933774,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',2,1,'everything','2026-11',0,1796021933774,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',2,1,'key:journey','2026-11',0,1796021933774,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',3,0,'everything','2026-11',141200,1796021934083,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',3,0,'key:journey','2026-11',141200,1796021934083,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',3,1,'everything','2026-11',0,1796021934083,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',3,1,'key:journey','2026-11',0,1796021934083,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',4,0,'everything','2026-11',141200,1796021934112,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',4,0,'key:journey','2026-11',141200,1796021934112,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',4,1,'everything','2026-11',0,1796021934112,1,0);
INSERT INTO "entries" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',4,1,'key:journey','2026-11',0,1796021934112,1,0);
INSERT INTO "entries" VALUES('01a22b3fd8dafa77252702239a688ce4',1,0,'everything','2026-11',141200,1796021935885,1,0);
INSERT INTO "entries" VALUES('01a22b3fd8dafa77252702239a688ce4',1,0,'key:journey','2026-11',141200,1796021935885,1,0);
INSERT INTO "entries" VALUES('01a22b3fd8dafa77252702239a688ce4',1,1,'everything','2026-11',0,1796021935885,1,0);
INSERT INTO "entries" VALUES('01a22b3fd8dafa77252702239a688ce4',1,1,'key:journey','2026-11',0,1796021935885,1,0);
INSERT INTO "entries" VALUES('01a22b3fd8dafa77252702239a688ce4',2,0,'everything','2026-11',141200,1796021935904,1,0);
INSERT INTO "entries" VALUES('01a22b3fd8dafa77252702239a688ce4',2,0,'key:journey','2026-11',141200,1796021935904,1,0);
INSERT INTO "entries" VALUES('01a22b3fd8dafa77252702239a688ce4',2,1,'everything','2026-11',0,1796021935904,1,0);
INSERT INTO "entries" VALUES('01a22b3fd8dafa77252702239a688ce4',2,1,'key:journey','2026-11',0,1796021935904,1,0);
INSERT INTO "entries" VALUES('01a22b3fd8dafa77252702239a688ce4',3,0,'everything','2026-11',141200,1796021935905,1,0);
INSERT INTO "entries" VALUES('01a22b3fd8dafa77252702239a688ce4',3,0,'key:journey','2026-11',141200,1796021935905,1,0);
INSERT INTO "entries" VALUES('01a22b3fd8dafa77252702239a688ce4',3,1,'everything','2026-11',0,1796021935905,1,0);
INSERT INTO "entries" VALUES('01a22b3fd8dafa77252702239a688ce4',3,1,'key:journey','2026-11',0,1796021935905,1,0);
INSERT INTO "entries" VALUES('01a22b3fd8dafa77252702239a688ce4',4,0,'everything','2026-11',141200,1796021935928,1,0);
INSERT INTO "entries" VALUES('01a22b3fd8dafa77252702239a688ce4',4,0,'key:journey','2026-11',141200,1796021935928,1,0);
INSERT INTO "entries" VALUES('01a22b3fd8dafa77252702239a688ce4',4,1,'everything','2026-11',0,1796021935928,1,0);
INSERT INTO "entries" VALUES('01a22b3fd8dafa77252702239a688ce4',4,1,'key:journey','2026-11',0,1796021935928,1,0);
INSERT INTO "entries" VALUES('01a22b3fdf9afec243f73a62203dd6a4',1,0,'everything','2026-11',142400,1796021936026,1,0);
INSERT INTO "entries" VALUES('01a22b3fdf9afec243f73a62203dd6a4',1,0,'key:journey','2026-11',142400,1796021936026,1,0);
INSERT INTO "entries" VALUES('01a22b3fdf9afec243f73a62203dd6a4',1,1,'everything','2026-11',142400,1796021936026,1,1);
INSERT INTO "entries" VALUES('01a22b3fdf9afec243f73a62203dd6a4',1,1,'key:journey','2026-11',142400,1796021936026,1,1);
INSERT INTO "entries" VALUES('01a22b3fe0122e8e4329c9ae33150700',1,0,'everything','2026-11',141600,1796021936146,1,0);
INSERT INTO "entries" VALUES('01a22b3fe0122e8e4329c9ae33150700',1,0,'key:journey','2026-11',141600,1796021936146,1,0);
INSERT INTO "entries" VALUES('01a22b3fe0122e8e4329c9ae33150700',1,1,'everything','2026-11',141600,1796021936146,1,1);
INSERT INTO "entries" VALUES('01a22b3fe0122e8e4329c9ae33150700',1,1,'key:journey','2026-11',141600,1796021936146,1,1);
INSERT INTO "entries" VALUES('01a22b3fe06e9bd321977ea4c4a038d7',1,0,'everything','2026-11',121600,1796021936238,1,0);
INSERT INTO "entries" VALUES('01a22b3fe06e9bd321977ea4c4a038d7',1,0,'key:journey','2026-11',121600,1796021936238,1,0);
INSERT INTO "entries" VALUES('01a22b3fe06e9bd321977ea4c4a038d7',1,1,'everything','2026-11',32400,1796021936238,1,0);
INSERT INTO "entries" VALUES('01a22b3fe06e9bd321977ea4c4a038d7',1,1,'key:journey','2026-11',32400,1796021936238,1,0);
INSERT INTO "entries" VALUES('01a22b3fe0a7e28c59d8529107b106ee',1,0,'everything','2026-11',136400,1796021936296,1,0);
INSERT INTO "entries" VALUES('01a22b3fe0a7e28c59d8529107b106ee',1,0,'key:journey','2026-11',136400,1796021936296,1,0);
INSERT INTO "entries" VALUES('01a22b3fe0a7e28c59d8529107b106ee',1,1,'everything','2026-11',33200,1796021936296,1,0);
INSERT INTO "entries" VALUES('01a22b3fe0a7e28c59d8529107b106ee',1,1,'key:journey','2026-11',33200,1796021936296,1,0);
INSERT INTO "entries" VALUES('01a22b3fe0e10d8c342e59b5930922f0',1,0,'everything','2026-11',136400,1796021936354,1,0);
INSERT INTO "entries" VALUES('01a22b3fe0e10d8c342e59b5930922f0',1,0,'key:stored-0','2026-11',136400,1796021936354,1,0);
INSERT INTO "entries" VALUES('01a22b3fe0e10d8c342e59b5930922f0',1,1,'everything','2026-11',33200,1796021936354,1,0);
INSERT INTO "entries" VALUES('01a22b3fe0e10d8c342e59b5930922f0',1,1,'key:stored-0','2026-11',33200,1796021936354,1,0);
INSERT INTO "entries" VALUES('01a22b3fe18b0d512bbd0b4a1ab76d01',1,0,'everything','2026-11',136400,1796021936523,1,0);
INSERT INTO "entries" VALUES('01a22b3fe18b0d512bbd0b4a1ab76d01',1,0,'key:stored-1','2026-11',136400,1796021936523,1,0);
INSERT INTO "entries" VALUES('01a22b3fe18b0d512bbd0b4a1ab76d01',1,1,'everything','2026-11',33200,1796021936523,1,0);
INSERT INTO "entries" VALUES('01a22b3fe18b0d512bbd0b4a1ab76d01',1,1,'key:stored-1','2026-11',33200,1796021936523,1,0);
INSERT INTO "entries" VALUES('01a22b3fe23b0f3fbd610a04b02eb3e1',1,0,'everything','2026-11',136400,1796021936699,1,0);
INSERT INTO "entries" VALUES('01a22b3fe23b0f3fbd610a04b02eb3e1',1,0,'key:stored-2','2026-11',136400,1796021936699,1,0);
INSERT INTO "entries" VALUES('01a22b3fe23b0f3fbd610a04b02eb3e1',1,1,'everything','2026-11',33200,1796021936699,1,0);
INSERT INTO "entries" VALUES('01a22b3fe23b0f3fbd610a04b02eb3e1',1,1,'key:stored-2','2026-11',33200,1796021936699,1,0);
INSERT INTO "entries" VALUES('01a22b3fe42914d6a26864457f031900',1,0,'everything','2026-11',144800,1796021937193,1,0);
INSERT INTO "entries" VALUES('01a22b3fe42914d6a26864457f031900',1,0,'key:journey','2026-11',144800,1796021937193,1,0);
INSERT INTO "entries" VALUES('01a22b3fe42c6f7a6add8c680037d3e0',1,0,'everything','2026-11',144800,1796021937200,1,0);
INSERT INTO "entries" VALUES('01a22b3fe42c6f7a6add8c680037d3e0',1,0,'key:journey','2026-11',144800,1796021937200,1,0);
CREATE TABLE epochs (
    epoch           INTEGER PRIMARY KEY,
    started_wall_ms INTEGER NOT NULL,
    ended_wall_ms   INTEGER
) STRICT;
INSERT INTO "epochs" VALUES(1,1796021932046,NULL);
CREATE TABLE requests (
    request_id     TEXT    NOT NULL PRIMARY KEY,
    wall_ms        INTEGER NOT NULL,
    day            TEXT    NOT NULL,
    duration_ms    INTEGER NOT NULL,
    caller         TEXT    NOT NULL,
    protocol       TEXT    NOT NULL,
    operation      TEXT    NOT NULL,
    model          TEXT    NOT NULL,
    provider       TEXT    NOT NULL,
    upstream_model TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    status         INTEGER NOT NULL,
    outcome        TEXT    NOT NULL,
    is_stream      INTEGER NOT NULL,
    attempts       INTEGER NOT NULL,
    usage          TEXT    NOT NULL,
    cost_nanousd   INTEGER NOT NULL,
    is_estimated   INTEGER NOT NULL,
    tags           TEXT    NOT NULL,
    session        TEXT    NOT NULL,
    loss           TEXT    NOT NULL,
    epoch          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "requests" VALUES('01a22b3fd35dcc9e506450a5cb25f592',1796021932893,'2026-11-30',104,'journey','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":3,"output":20}',33200,0,'job=j0','','',1);
INSERT INTO "requests" VALUES('01a22b3fd45f2282b64d12475ef07f64',1796021933151,'2026-11-30',11,'journey','openai_chat','generate','fast','openai','fake-small','spare',200,'success',1,1,'{"input":3,"output":20}',33200,0,'job=j1','','',1);
INSERT INTO "requests" VALUES('01a22b3fd4e66c884d6649ab1488bf8d',1796021933286,'2026-11-30',29,'journey','openai_chat','generate','fast','openai','fake-small','spare',200,'success',0,1,'{"input":3,"output":20}',33200,0,'job=j2','','',1);
INSERT INTO "requests" VALUES('01a22b3fd58e77f5e86a9257e1379b6e',1796021933454,'2026-11-30',35,'journey','openai_chat','generate','fast','openai','fake-small','spare',200,'success',1,1,'{"input":3,"output":20}',33200,0,'job=j0','','',1);
INSERT INTO "requests" VALUES('01a22b3fd6214ad57beb00fc107e3208',1796021933601,'2026-11-30',21,'journey','openai_chat','generate','fast','openai','fake-small','spare',200,'success',0,1,'{"input":3,"output":20}',33200,0,'job=j1','','',1);
INSERT INTO "requests" VALUES('01a22b3fd6c1173e84a2d5eca1c17532',1796021933761,'2026-11-30',368,'journey','openai_chat','generate','fast','openai','fake-small','good',429,'provider_rate_limited',0,4,'{}',0,0,'','','',1);
INSERT INTO "requests" VALUES('01a22b3fd8dafa77252702239a688ce4',1796021934298,'2026-11-30',1643,'journey','openai_chat','generate','fast','openai','fake-small','spare',502,'upstream_failed',0,4,'{}',0,0,'','','',1);
INSERT INTO "requests" VALUES('01a22b3fdf9afec243f73a62203dd6a4',1796021936026,'2026-11-30',19,'journey','openai_chat','generate','fast','openai','fake-small','spare',200,'success',0,1,'{}',142400,1,'','','',1);
INSERT INTO "requests" VALUES('01a22b3fe0122e8e4329c9ae33150700',1796021936146,'2026-11-30',9,'journey','openai_chat','generate','fast','openai','fake-small','spare',502,'stream_cut',1,1,'{}',141600,1,'','','',1);
INSERT INTO "requests" VALUES('01a22b3fe06e9bd321977ea4c4a038d7',1796021936238,'2026-11-30',8,'journey','openai_responses','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":1,"output":20}',32400,0,'','','',1);
INSERT INTO "requests" VALUES('01a22b3fe0a7e28c59d8529107b106ee',1796021936295,'2026-11-30',8,'journey','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":3,"output":20}',33200,0,'','','',1);
INSERT INTO "requests" VALUES('01a22b3fe0e10d8c342e59b5930922f0',1796021936353,'2026-11-30',19,'stored-0','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":3,"output":20}',33200,0,'','','',1);
INSERT INTO "requests" VALUES('01a22b3fe18b0d512bbd0b4a1ab76d01',1796021936523,'2026-11-30',7,'stored-1','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":3,"output":20}',33200,0,'','','',1);
INSERT INTO "requests" VALUES('01a22b3fe23b0f3fbd610a04b02eb3e1',1796021936699,'2026-11-30',30,'stored-2','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":3,"output":20}',33200,0,'','','',1);
CREATE TABLE retired_balances (
    budget          TEXT    NOT NULL,
    period          TEXT    NOT NULL,
    settled_nanousd INTEGER NOT NULL,
    PRIMARY KEY (budget, period)
) STRICT, WITHOUT ROWID;
CREATE TABLE retired_days (
    day          TEXT    NOT NULL PRIMARY KEY,
    requests     INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    cost_nanousd INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE unfolded (
    number INTEGER NOT NULL PRIMARY KEY,
    lines  TEXT    NOT NULL
) STRICT;
INSERT INTO "unfolded" VALUES(1,'[[["2026-11-30","journey","fast","openai","good"],[1,1,33200,3,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(2,'[[["2026-11-30","journey","fast","openai","spare"],[1,1,33200,3,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(3,'[[["2026-11-30","journey","fast","openai","spare"],[1,1,33200,3,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(4,'[[["2026-11-30","journey","fast","openai","spare"],[1,1,33200,3,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(5,'[[["2026-11-30","journey","fast","openai","spare"],[1,1,33200,3,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(6,'[[["2026-11-30","journey","fast","openai","spare"],[0,2,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]],[["2026-11-30","journey","fast","openai","good"],[1,2,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(7,'[[["2026-11-30","journey","fast","openai","spare"],[1,4,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(8,'[[["2026-11-30","journey","fast","openai","spare"],[1,1,142400,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(9,'[[["2026-11-30","journey","fast","openai","spare"],[1,1,141600,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(10,'[[["2026-11-30","journey","fast","openai","good"],[1,1,32400,1,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(11,'[[["2026-11-30","journey","fast","openai","good"],[1,1,33200,3,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(12,'[[["2026-11-30","stored-0","fast","openai","good"],[1,1,33200,3,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(13,'[[["2026-11-30","stored-1","fast","openai","good"],[1,1,33200,3,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(14,'[[["2026-11-30","stored-2","fast","openai","good"],[1,1,33200,3,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
CREATE TABLE "virtual_keys" (
    name     TEXT    NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL UNIQUE,
    record   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "virtual_keys" VALUES('stored-0',1,'{"name":"stored-0","digest":"08a31d7381298d64d7712858e19200768d0134c62bc105fa0bc86def77faed5e","pepper_id":"faee7720cc431832","created_wall_ms":1796021936327,"previous_digest":"","previous_until_wall_ms":0,"rotated_wall_ms":0,"revoked_wall_ms":0,"expires_wall_ms":0,"rpm":0,"tpm":0,"max_concurrency":0,"models":[],"budgets":[],"budget":{"limit_nanousd":1000000000,"period":"month","is_hard":true,"tz":"UTC","warn_permille":[800,1000]},"tags":{},"metadata":{},"revision":0}');
INSERT INTO "virtual_keys" VALUES('stored-1',4,'{"name":"stored-1","digest":"2c1323f63579eefba1cb7a16809b7f5cecd74bb45a19e3674f8c07ac9c51058f","pepper_id":"faee7720cc431832","created_wall_ms":1796021936401,"previous_digest":"","previous_until_wall_ms":0,"rotated_wall_ms":1796021936803,"revoked_wall_ms":0,"expires_wall_ms":0,"rpm":0,"tpm":0,"max_concurrency":0,"models":[],"budgets":[],"budget":{"limit_nanousd":1000000000,"period":"month","is_hard":true,"tz":"UTC","warn_permille":[800,1000]},"tags":{},"metadata":{},"revision":0}');
INSERT INTO "virtual_keys" VALUES('stored-2',5,'{"name":"stored-2","digest":"9666280060ea96b4353a8345e4dae66d0438e20395d989c830d45b606a1b494d","pepper_id":"faee7720cc431832","created_wall_ms":1796021936606,"previous_digest":"","previous_until_wall_ms":0,"rotated_wall_ms":0,"revoked_wall_ms":1796021936914,"expires_wall_ms":0,"rpm":0,"tpm":0,"max_concurrency":0,"models":[],"budgets":[],"budget":{"limit_nanousd":1000000000,"period":"month","is_hard":true,"tz":"UTC","warn_permille":[800,1000]},"tags":{},"metadata":{},"revision":0}');
CREATE INDEX reserves_by_epoch ON entries (epoch) WHERE kind = 0;
CREATE INDEX bindings_by_expiry ON bindings (expires_wall_ms);
CREATE INDEX claims_by_expiry ON claims (expires_wall_ms);
CREATE VIEW daily_lines AS
    SELECT
    day, caller, model, provider, key, requests, attempts, cost_nanousd, input, cache_read, cache_write_short, cache_write_long,
    input_audio, cache_read_audio, input_image, cache_read_image, input_video, output, reasoning, output_audio, output_image,
    output_video, images, tool_calls, characters, audio_ms
    FROM daily
    UNION ALL
    SELECT
        line.value ->> '$[0][0]' AS day,
        line.value ->> '$[0][1]' AS caller,
        line.value ->> '$[0][2]' AS model,
        line.value ->> '$[0][3]' AS provider,
        line.value ->> '$[0][4]' AS key,
        line.value ->> '$[1][0]' AS requests,
        line.value ->> '$[1][1]' AS attempts,
        line.value ->> '$[1][2]' AS cost_nanousd,
        line.value ->> '$[1][3]' AS input,
        line.value ->> '$[1][4]' AS cache_read,
        line.value ->> '$[1][5]' AS cache_write_short,
        line.value ->> '$[1][6]' AS cache_write_long,
        line.value ->> '$[1][7]' AS input_audio,
        line.value ->> '$[1][8]' AS cache_read_audio,
        line.value ->> '$[1][9]' AS input_image,
        line.value ->> '$[1][10]' AS cache_read_image,
        line.value ->> '$[1][11]' AS input_video,
        line.value ->> '$[1][12]' AS output,
        line.value ->> '$[1][13]' AS reasoning,
        line.value ->> '$[1][14]' AS output_audio,
        line.value ->> '$[1][15]' AS output_image,
        line.value ->> '$[1][16]' AS output_video,
        line.value ->> '$[1][17]' AS images,
        line.value ->> '$[1][18]' AS tool_calls,
        line.value ->> '$[1][19]' AS characters,
        line.value ->> '$[1][20]' AS audio_ms
    FROM unfolded, json_each(unfolded.lines) AS line;
COMMIT;
