PRAGMA application_id = 1869442665;
PRAGMA user_version = 10;
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
    epoch          INTEGER NOT NULL, upstream_request_id TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (request_id, attempt)
) STRICT, WITHOUT ROWID;
INSERT INTO "attempts" VALUES('01a22c98ac250e96d06bce1bbd10bd52',1,'openai','fake-small','good','success',200,1796044532794,1,0,'{"input":1,"output":20}',1,32400,0,'configured-6f51e4ba3351:openai/fake-small','',1,'req_fake000000000001');
INSERT INTO "attempts" VALUES('01a22c98ac4273878986a557dffc80ba',1,'openai','fake-small','spare','success',200,1796044532802,1,0,'{"input":1,"output":20}',1,32400,0,'configured-6f51e4ba3351:openai/fake-small','',1,'req_fake000000000002');
INSERT INTO "attempts" VALUES('01a22c98ac45246af934cdc32262c119',1,'openai','fake-small','spare','success',200,1796044532805,0,0,'{"input":1,"output":20}',1,32400,0,'configured-6f51e4ba3351:openai/fake-small','',1,'req_fake000000000003');
INSERT INTO "attempts" VALUES('01a22c98ac4956527bf967ba6353a111',1,'openai','fake-small','spare','success',200,1796044532809,0,0,'{"input":1,"output":20}',1,32400,0,'configured-6f51e4ba3351:openai/fake-small','',1,'req_fake000000000004');
INSERT INTO "attempts" VALUES('01a22c98ac4b34dd2aaeebbbcc3efa76',1,'openai','fake-small','spare','success',200,1796044532812,4,3,'{"input":1,"output":20}',1,32400,0,'configured-6f51e4ba3351:openai/fake-small','',1,'req_fake000000000005');
INSERT INTO "attempts" VALUES('01a22c98ac537b13c4c6bbfc58924715',1,'openai','fake-small','good','rate_limited',429,1796044532819,0,0,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','rate_limit_exceeded',1,'req_fake000000000006');
INSERT INTO "attempts" VALUES('01a22c98ac537b13c4c6bbfc58924715',2,'openai','fake-small','spare','rate_limited',429,1796044532820,0,0,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','rate_limit_exceeded',1,'req_fake000000000007');
INSERT INTO "attempts" VALUES('01a22c98ac537b13c4c6bbfc58924715',3,'openai','fake-small','good','rate_limited',429,1796044533738,6,5,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','rate_limit_exceeded',1,'req_fake000000000008');
INSERT INTO "attempts" VALUES('01a22c98ac537b13c4c6bbfc58924715',4,'openai','fake-small','spare','rate_limited',429,1796044533788,1,1,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','rate_limit_exceeded',1,'req_fake000000000009');
INSERT INTO "attempts" VALUES('01a22c98df176a8b96c9749c75effd86',1,'openai','fake-small','good','server_fault',500,1796044545815,0,0,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','server_error',1,'req_fake000000000010');
INSERT INTO "attempts" VALUES('01a22c98df176a8b96c9749c75effd86',2,'openai','fake-small','spare','server_fault',500,1796044545830,0,0,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','server_error',1,'req_fake000000000011');
INSERT INTO "attempts" VALUES('01a22c98df176a8b96c9749c75effd86',3,'openai','fake-small','good','server_fault',500,1796044545834,0,0,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','server_error',1,'req_fake000000000012');
INSERT INTO "attempts" VALUES('01a22c98df176a8b96c9749c75effd86',4,'openai','fake-small','good','server_fault',500,1796044545846,0,0,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','server_error',1,'req_fake000000000013');
INSERT INTO "attempts" VALUES('01a22c98eaf9958647186788b09e77bb',1,'openai','fake-small','good','success',200,1796044548858,0,0,'{}',0,134000,1,'configured-6f51e4ba3351:openai/fake-small;bound=135+50+0','',1,'req_fake000000000014');
INSERT INTO "attempts" VALUES('01a22c98eb0f4580d533192f1172b45c',1,'openai','fake-small','good','lost',200,1796044548880,1,0,'{}',0,134000,1,'configured-6f51e4ba3351:openai/fake-small;bound=135+50+0','stream_cut',1,'req_fake000000000015');
INSERT INTO "attempts" VALUES('01a22c98eb225e0f1fc3b4bb79e55e4f',1,'openai','fake-small','good','success',200,1796044548898,0,0,'{"input":1,"output":20}',1,32400,0,'configured-6f51e4ba3351:openai/fake-small','',1,'req_fake000000000016');
INSERT INTO "attempts" VALUES('01a22c98eb2e4d1f62bbdd6963c8dcc6',1,'openai','fake-small','good','success',200,1796044548916,0,0,'{"input":1,"output":20}',1,32400,0,'configured-6f51e4ba3351:openai/fake-small','',1,'req_fake000000000017');
INSERT INTO "attempts" VALUES('01a22c98eb66e42be7a9f39bda833f3a',1,'openai','fake-small','good','success',200,1796044548966,0,0,'{"input":1,"output":20}',1,32400,0,'configured-6f51e4ba3351:openai/fake-small','',1,'req_fake000000000018');
INSERT INTO "attempts" VALUES('01a22c98eb922913007ba765446835cd',1,'openai','fake-small','good','success',200,1796044549010,0,0,'{"input":1,"output":20}',1,32400,0,'configured-6f51e4ba3351:openai/fake-small','',1,'req_fake000000000019');
INSERT INTO "attempts" VALUES('01a22c98ebc219cc16d427e7124812bc',1,'openai','fake-small','good','success',200,1796044549058,11,10,'{"input":1,"output":20}',1,32400,0,'configured-6f51e4ba3351:openai/fake-small','',1,'req_fake000000000020');
CREATE TABLE balances (
    budget          TEXT    NOT NULL,
    period          TEXT    NOT NULL,
    settled_nanousd INTEGER NOT NULL,
    PRIMARY KEY (budget, period)
) STRICT, WITHOUT ROWID;
INSERT INTO "balances" VALUES('everything','2026-11',592000);
INSERT INTO "balances" VALUES('key:journey','2026-11',494800);
INSERT INTO "balances" VALUES('key:stored-0','2026-11',32400);
INSERT INTO "balances" VALUES('key:stored-1','2026-11',32400);
INSERT INTO "balances" VALUES('key:stored-2','2026-11',32400);
CREATE TABLE bindings (
    kind            TEXT    NOT NULL,
    upstream_id     TEXT    NOT NULL,
    provider        TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    caller          TEXT    NOT NULL,
    expires_wall_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, upstream_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "bindings" VALUES('item','msg_fake000000000016','openai','good','journey',1800796548904);
INSERT INTO "bindings" VALUES('response','resp_fake000000000016','openai','good','journey',1800796548904);
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
INSERT INTO "claims" VALUES('5663994b8e9af5fbeba26f48fc20c6d30cc68c3485addf53686da96a2da723f5','e2058dc9ad70338b723c0eba35b383c3d2a5b9eb78d1190de4c4ed786767107e','01a22c98eb2e4d1f62bbdd6963c8dcc6',1,1796130948910,0,'','',X'');
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
INSERT INTO "daily_tags" VALUES('2026-11-30','job=j0',2,2,64800,2,0,0,0,40,0,0,0,0,0,0,0,0,0,0,0,0,0);
INSERT INTO "daily_tags" VALUES('2026-11-30','job=j1',2,2,64800,2,0,0,0,40,0,0,0,0,0,0,0,0,0,0,0,0,0);
INSERT INTO "daily_tags" VALUES('2026-11-30','job=j2',1,1,32400,1,0,0,0,20,0,0,0,0,0,0,0,0,0,0,0,0,0);
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
INSERT INTO "entries" VALUES('01a22c98ac250e96d06bce1bbd10bd52',1,0,'everything','2026-11',134000,1796044532794,1,0);
INSERT INTO "entries" VALUES('01a22c98ac250e96d06bce1bbd10bd52',1,0,'key:journey','2026-11',134000,1796044532794,1,0);
INSERT INTO "entries" VALUES('01a22c98ac250e96d06bce1bbd10bd52',1,1,'everything','2026-11',32400,1796044532794,1,0);
INSERT INTO "entries" VALUES('01a22c98ac250e96d06bce1bbd10bd52',1,1,'key:journey','2026-11',32400,1796044532794,1,0);
INSERT INTO "entries" VALUES('01a22c98ac4273878986a557dffc80ba',1,0,'everything','2026-11',134000,1796044532802,1,0);
INSERT INTO "entries" VALUES('01a22c98ac4273878986a557dffc80ba',1,0,'key:journey','2026-11',134000,1796044532802,1,0);
INSERT INTO "entries" VALUES('01a22c98ac4273878986a557dffc80ba',1,1,'everything','2026-11',32400,1796044532802,1,0);
INSERT INTO "entries" VALUES('01a22c98ac4273878986a557dffc80ba',1,1,'key:journey','2026-11',32400,1796044532802,1,0);
INSERT INTO "entries" VALUES('01a22c98ac45246af934cdc32262c119',1,0,'everything','2026-11',134000,1796044532805,1,0);
INSERT INTO "entries" VALUES('01a22c98ac45246af934cdc32262c119',1,0,'key:journey','2026-11',134000,1796044532805,1,0);
INSERT INTO "entries" VALUES('01a22c98ac45246af934cdc32262c119',1,1,'everything','2026-11',32400,1796044532805,1,0);
INSERT INTO "entries" VALUES('01a22c98ac45246af934cdc32262c119',1,1,'key:journey','2026-11',32400,1796044532805,1,0);
INSERT INTO "entries" VALUES('01a22c98ac4956527bf967ba6353a111',1,0,'everything','2026-11',134000,1796044532809,1,0);
INSERT INTO "entries" VALUES('01a22c98ac4956527bf967ba6353a111',1,0,'key:journey','2026-11',134000,1796044532809,1,0);
INSERT INTO "entries" VALUES('01a22c98ac4956527bf967ba6353a111',1,1,'everything','2026-11',32400,1796044532809,1,0);
INSERT INTO "entries" VALUES('01a22c98ac4956527bf967ba6353a111',1,1,'key:journey','2026-11',32400,1796044532809,1,0);
INSERT INTO "entries" VALUES('01a22c98ac4b34dd2aaeebbbcc3efa76',1,0,'everything','2026-11',134000,1796044532812,1,0);
INSERT INTO "entries" VALUES('01a22c98ac4b34dd2aaeebbbcc3efa76',1,0,'key:journey','2026-11',134000,1796044532812,1,0);
INSERT INTO "entries" VALUES('01a22c98ac4b34dd2aaeebbbcc3efa76',1,1,'everything','2026-11',32400,1796044532812,1,0);
INSERT INTO "entries" VALUES('01a22c98ac4b34dd2aaeebbbcc3efa76',1,1,'key:journey','2026-11',32400,1796044532812,1,0);
INSERT INTO "entries" VALUES('01a22c98ac537b13c4c6bbfc58924715',1,0,'everything','2026-11',134000,1796044532819,1,0);
INSERT INTO "entries" VALUES('01a22c98ac537b13c4c6bbfc58924715',1,0,'key:journey','2026-11',134000,1796044532819,1,0);
INSERT INTO "entries" VALUES('01a22c98ac537b13c4c6bbfc58924715',1,1,'everything','2026-11',0,1796044532819,1,0);
INSERT INTO "entries" VALUES('01a22c98ac537b13c4c6bbfc58924715',1,1,'key:journey','2026-11',0,1796044532819,1,0);
INSERT INTO "entries" VALUES('01a22c98ac537b13c4c6bbfc58924715',2,0,'everything','2026-11',134000,1796044532820,1,0);
INSERT INTO "entries" VALUES('01a22c98ac537b13c4c6bbfc58924715',2,0,'key:journey','2026-11',134000,1796044532820,1,0);
INSERT INTO "entries" VALUES('01a22c98ac537b13c4c6bbfc58924715',2,1,'everything','2026-11',0,1796044532820,1,0);
INSERT INTO "entries" VALUES('01a22c98ac537b13c4c6bbfc58924715',2,1,'key:journey','2026-11',0,1796044532820,1,0);
INSERT INTO "entries" VALUES('01a22c98ac537b13c4c6bbfc58924715',3,0,'everything','2026-11',134000,1796044533738,1,0);
INSERT INTO "entries" VALUES('01a22c98ac537b13c4c6bbfc58924715',3,0,'key:journey','2026-11',134000,1796044533738,1,0);
INSERT INTO "entries" VALUES('01a22c98ac537b13c4c6bbfc58924715',3,1,'everything','2026-11',0,1796044533738,1,0);
INSERT INTO "entries" VALUES('01a22c98ac537b13c4c6bbfc58924715',3,1,'key:journey','2026-11',0,1796044533738,1,0);
INSERT INTO "entries" VALUES('01a22c98ac537b13c4c6bbfc58924715',4,0,'everything','2026-11',134000,1796044533788,1,0);
INSERT INTO "entries" VALUES('01a22c98ac537b13c4c6bbfc58924715',4,0,'key:journey','2026-11',134000,1796044533788,1,0);
INSERT INTO "entries" VALUES('01a22c98ac537b13c4c6bbfc58924715',4,1,'everything','2026-11',0,1796044533788,1,0);
INSERT INTO "entries" VALUES('01a22c98ac537b13c4c6bbfc58924715',4,1,'key:journey','2026-11',0,1796044533788,1,0);
INSERT INTO "entries" VALUES('01a22c98df176a8b96c9749c75effd86',1,0,'everything','2026-11',134000,1796044545815,1,0);
INSERT INTO "entries" VALUES('01a22c98df176a8b96c9749c75effd86',1,0,'key:journey','2026-11',134000,1796044545815,1,0);
INSERT INTO "entries" VALUES('01a22c98df176a8b96c9749c75effd86',1,1,'everything','2026-11',0,1796044545815,1,0);
INSERT INTO "entries" VALUES('01a22c98df176a8b96c9749c75effd86',1,1,'key:journey','2026-11',0,1796044545815,1,0);
INSERT INTO "entries" VALUES('01a22c98df176a8b96c9749c75effd86',2,0,'everything','2026-11',134000,1796044545830,1,0);
INSERT INTO "entries" VALUES('01a22c98df176a8b96c9749c75effd86',2,0,'key:journey','2026-11',134000,1796044545830,1,0);
INSERT INTO "entries" VALUES('01a22c98df176a8b96c9749c75effd86',2,1,'everything','2026-11',0,1796044545830,1,0);
INSERT INTO "entries" VALUES('01a22c98df176a8b96c9749c75effd86',2,1,'key:journey','2026-11',0,1796044545830,1,0);
INSERT INTO "entries" VALUES('01a22c98df176a8b96c9749c75effd86',3,0,'everything','2026-11',134000,1796044545834,1,0);
INSERT INTO "entries" VALUES('01a22c98df176a8b96c9749c75effd86',3,0,'key:journey','2026-11',134000,1796044545834,1,0);
INSERT INTO "entries" VALUES('01a22c98df176a8b96c9749c75effd86',3,1,'everything','2026-11',0,1796044545834,1,0);
INSERT INTO "entries" VALUES('01a22c98df176a8b96c9749c75effd86',3,1,'key:journey','2026-11',0,1796044545834,1,0);
INSERT INTO "entries" VALUES('01a22c98df176a8b96c9749c75effd86',4,0,'everything','2026-11',134000,1796044545846,1,0);
INSERT INTO "entries" VALUES('01a22c98df176a8b96c9749c75effd86',4,0,'key:journey','2026-11',134000,1796044545846,1,0);
INSERT INTO "entries" VALUES('01a22c98df176a8b96c9749c75effd86',4,1,'everything','2026-11',0,1796044545846,1,0);
INSERT INTO "entries" VALUES('01a22c98df176a8b96c9749c75effd86',4,1,'key:journey','2026-11',0,1796044545846,1,0);
INSERT INTO "entries" VALUES('01a22c98eaf9958647186788b09e77bb',1,0,'everything','2026-11',134000,1796044548858,1,0);
INSERT INTO "entries" VALUES('01a22c98eaf9958647186788b09e77bb',1,0,'key:journey','2026-11',134000,1796044548858,1,0);
INSERT INTO "entries" VALUES('01a22c98eaf9958647186788b09e77bb',1,1,'everything','2026-11',134000,1796044548858,1,1);
INSERT INTO "entries" VALUES('01a22c98eaf9958647186788b09e77bb',1,1,'key:journey','2026-11',134000,1796044548858,1,1);
INSERT INTO "entries" VALUES('01a22c98eb0f4580d533192f1172b45c',1,0,'everything','2026-11',134000,1796044548880,1,0);
INSERT INTO "entries" VALUES('01a22c98eb0f4580d533192f1172b45c',1,0,'key:journey','2026-11',134000,1796044548880,1,0);
INSERT INTO "entries" VALUES('01a22c98eb0f4580d533192f1172b45c',1,1,'everything','2026-11',134000,1796044548880,1,1);
INSERT INTO "entries" VALUES('01a22c98eb0f4580d533192f1172b45c',1,1,'key:journey','2026-11',134000,1796044548880,1,1);
INSERT INTO "entries" VALUES('01a22c98eb225e0f1fc3b4bb79e55e4f',1,0,'everything','2026-11',121600,1796044548898,1,0);
INSERT INTO "entries" VALUES('01a22c98eb225e0f1fc3b4bb79e55e4f',1,0,'key:journey','2026-11',121600,1796044548898,1,0);
INSERT INTO "entries" VALUES('01a22c98eb225e0f1fc3b4bb79e55e4f',1,1,'everything','2026-11',32400,1796044548898,1,0);
INSERT INTO "entries" VALUES('01a22c98eb225e0f1fc3b4bb79e55e4f',1,1,'key:journey','2026-11',32400,1796044548898,1,0);
INSERT INTO "entries" VALUES('01a22c98eb2e4d1f62bbdd6963c8dcc6',1,0,'everything','2026-11',134000,1796044548916,1,0);
INSERT INTO "entries" VALUES('01a22c98eb2e4d1f62bbdd6963c8dcc6',1,0,'key:journey','2026-11',134000,1796044548916,1,0);
INSERT INTO "entries" VALUES('01a22c98eb2e4d1f62bbdd6963c8dcc6',1,1,'everything','2026-11',32400,1796044548916,1,0);
INSERT INTO "entries" VALUES('01a22c98eb2e4d1f62bbdd6963c8dcc6',1,1,'key:journey','2026-11',32400,1796044548916,1,0);
INSERT INTO "entries" VALUES('01a22c98eb66e42be7a9f39bda833f3a',1,0,'everything','2026-11',134000,1796044548966,1,0);
INSERT INTO "entries" VALUES('01a22c98eb66e42be7a9f39bda833f3a',1,0,'key:stored-0','2026-11',134000,1796044548966,1,0);
INSERT INTO "entries" VALUES('01a22c98eb66e42be7a9f39bda833f3a',1,1,'everything','2026-11',32400,1796044548966,1,0);
INSERT INTO "entries" VALUES('01a22c98eb66e42be7a9f39bda833f3a',1,1,'key:stored-0','2026-11',32400,1796044548966,1,0);
INSERT INTO "entries" VALUES('01a22c98eb922913007ba765446835cd',1,0,'everything','2026-11',134000,1796044549010,1,0);
INSERT INTO "entries" VALUES('01a22c98eb922913007ba765446835cd',1,0,'key:stored-1','2026-11',134000,1796044549010,1,0);
INSERT INTO "entries" VALUES('01a22c98eb922913007ba765446835cd',1,1,'everything','2026-11',32400,1796044549010,1,0);
INSERT INTO "entries" VALUES('01a22c98eb922913007ba765446835cd',1,1,'key:stored-1','2026-11',32400,1796044549010,1,0);
INSERT INTO "entries" VALUES('01a22c98ebc219cc16d427e7124812bc',1,0,'everything','2026-11',134000,1796044549058,1,0);
INSERT INTO "entries" VALUES('01a22c98ebc219cc16d427e7124812bc',1,0,'key:stored-2','2026-11',134000,1796044549058,1,0);
INSERT INTO "entries" VALUES('01a22c98ebc219cc16d427e7124812bc',1,1,'everything','2026-11',32400,1796044549058,1,0);
INSERT INTO "entries" VALUES('01a22c98ebc219cc16d427e7124812bc',1,1,'key:stored-2','2026-11',32400,1796044549058,1,0);
INSERT INTO "entries" VALUES('01a22c98ebfefcd558e08c13cb990a8b',1,0,'everything','2026-11',134000,1796044549118,1,0);
INSERT INTO "entries" VALUES('01a22c98ebfefcd558e08c13cb990a8b',1,0,'key:journey','2026-11',134000,1796044549118,1,0);
INSERT INTO "entries" VALUES('01a22c98ec05eb96777dab529dbbc227',1,0,'everything','2026-11',134000,1796044549125,1,0);
INSERT INTO "entries" VALUES('01a22c98ec05eb96777dab529dbbc227',1,0,'key:journey','2026-11',134000,1796044549125,1,0);
CREATE TABLE epochs (
    epoch           INTEGER PRIMARY KEY,
    started_wall_ms INTEGER NOT NULL,
    ended_wall_ms   INTEGER
) STRICT;
INSERT INTO "epochs" VALUES(1,1796044532450,NULL);
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
INSERT INTO "requests" VALUES('01a22c98ac250e96d06bce1bbd10bd52',1796044532773,'2026-11-30',26,'journey','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":1,"output":20}',32400,0,'job=j0','','',1);
INSERT INTO "requests" VALUES('01a22c98ac4273878986a557dffc80ba',1796044532802,'2026-11-30',2,'journey','openai_chat','generate','fast','openai','fake-small','spare',200,'success',1,1,'{"input":1,"output":20}',32400,0,'job=j1','','',1);
INSERT INTO "requests" VALUES('01a22c98ac45246af934cdc32262c119',1796044532805,'2026-11-30',2,'journey','openai_chat','generate','fast','openai','fake-small','spare',200,'success',0,1,'{"input":1,"output":20}',32400,0,'job=j2','','',1);
INSERT INTO "requests" VALUES('01a22c98ac4956527bf967ba6353a111',1796044532809,'2026-11-30',1,'journey','openai_chat','generate','fast','openai','fake-small','spare',200,'success',1,1,'{"input":1,"output":20}',32400,0,'job=j0','','',1);
INSERT INTO "requests" VALUES('01a22c98ac4b34dd2aaeebbbcc3efa76',1796044532811,'2026-11-30',6,'journey','openai_chat','generate','fast','openai','fake-small','spare',200,'success',0,1,'{"input":1,"output":20}',32400,0,'job=j1','','',1);
INSERT INTO "requests" VALUES('01a22c98ac537b13c4c6bbfc58924715',1796044532819,'2026-11-30',982,'journey','openai_chat','generate','fast','openai','fake-small','spare',429,'provider_rate_limited',0,4,'{}',0,0,'','','',1);
INSERT INTO "requests" VALUES('01a22c98df176a8b96c9749c75effd86',1796044545815,'2026-11-30',34,'journey','openai_chat','generate','fast','openai','fake-small','good',502,'upstream_failed',0,4,'{}',0,0,'','','',1);
INSERT INTO "requests" VALUES('01a22c98eaf9958647186788b09e77bb',1796044548857,'2026-11-30',20,'journey','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{}',134000,1,'','','',1);
INSERT INTO "requests" VALUES('01a22c98eb0f4580d533192f1172b45c',1796044548879,'2026-11-30',10,'journey','openai_chat','generate','fast','openai','fake-small','good',502,'stream_cut',1,1,'{}',134000,1,'','','',1);
INSERT INTO "requests" VALUES('01a22c98eb225e0f1fc3b4bb79e55e4f',1796044548898,'2026-11-30',5,'journey','openai_responses','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":1,"output":20}',32400,0,'','','',1);
INSERT INTO "requests" VALUES('01a22c98eb2e4d1f62bbdd6963c8dcc6',1796044548910,'2026-11-30',19,'journey','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":1,"output":20}',32400,0,'','','',1);
INSERT INTO "requests" VALUES('01a22c98eb66e42be7a9f39bda833f3a',1796044548966,'2026-11-30',19,'stored-0','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":1,"output":20}',32400,0,'','','',1);
INSERT INTO "requests" VALUES('01a22c98eb922913007ba765446835cd',1796044549010,'2026-11-30',19,'stored-1','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":1,"output":20}',32400,0,'','','',1);
INSERT INTO "requests" VALUES('01a22c98ebc219cc16d427e7124812bc',1796044549058,'2026-11-30',19,'stored-2','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":1,"output":20}',32400,0,'','','',1);
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
INSERT INTO "unfolded" VALUES(1,'[[["2026-11-30","journey","fast","openai","good"],[1,1,32400,1,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(2,'[[["2026-11-30","journey","fast","openai","spare"],[1,1,32400,1,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(3,'[[["2026-11-30","journey","fast","openai","spare"],[1,1,32400,1,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(4,'[[["2026-11-30","journey","fast","openai","spare"],[1,1,32400,1,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(5,'[[["2026-11-30","journey","fast","openai","spare"],[1,1,32400,1,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(6,'[[["2026-11-30","journey","fast","openai","good"],[0,2,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]],[["2026-11-30","journey","fast","openai","spare"],[1,2,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(7,'[[["2026-11-30","journey","fast","openai","good"],[1,3,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]],[["2026-11-30","journey","fast","openai","spare"],[0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(8,'[[["2026-11-30","journey","fast","openai","good"],[1,1,134000,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(9,'[[["2026-11-30","journey","fast","openai","good"],[1,1,134000,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(10,'[[["2026-11-30","journey","fast","openai","good"],[1,1,32400,1,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(11,'[[["2026-11-30","journey","fast","openai","good"],[1,1,32400,1,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(12,'[[["2026-11-30","stored-0","fast","openai","good"],[1,1,32400,1,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(13,'[[["2026-11-30","stored-1","fast","openai","good"],[1,1,32400,1,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(14,'[[["2026-11-30","stored-2","fast","openai","good"],[1,1,32400,1,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0]]]');
CREATE TABLE "virtual_keys" (
    name     TEXT    NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL UNIQUE,
    record   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "virtual_keys" VALUES('stored-0',1,'{"name":"stored-0","digest":"07d16da054bf504b94c465f9db1fbf278e4c300e5706b6a9bc6af4431693f17b","pepper_id":"2c66eb6d240b052f","created_wall_ms":1796044548933,"previous_digest":"","previous_until_wall_ms":0,"rotated_wall_ms":0,"revoked_wall_ms":0,"expires_wall_ms":0,"rpm":0,"tpm":0,"max_concurrency":0,"models":[],"budgets":[],"budget":{"limit_nanousd":1000000000,"period":"month","is_hard":true,"tz":"UTC","warn_permille":[800,1000]},"tags":{},"metadata":{},"revision":0}');
INSERT INTO "virtual_keys" VALUES('stored-1',4,'{"name":"stored-1","digest":"80f0b65cc9d3c5359a5d8528ac960118a8614a5156d2e4e9e270fc639c92f3de","pepper_id":"2c66eb6d240b052f","created_wall_ms":1796044548987,"previous_digest":"","previous_until_wall_ms":0,"rotated_wall_ms":1796044549086,"revoked_wall_ms":0,"expires_wall_ms":0,"rpm":0,"tpm":0,"max_concurrency":0,"models":[],"budgets":[],"budget":{"limit_nanousd":1000000000,"period":"month","is_hard":true,"tz":"UTC","warn_permille":[800,1000]},"tags":{},"metadata":{},"revision":0}');
INSERT INTO "virtual_keys" VALUES('stored-2',5,'{"name":"stored-2","digest":"ebd524a2c38a5b4c8962aede1c2d6b4511e755c82baaab807f84609993a5ae21","pepper_id":"2c66eb6d240b052f","created_wall_ms":1796044549034,"previous_digest":"","previous_until_wall_ms":0,"rotated_wall_ms":0,"revoked_wall_ms":1796044549098,"expires_wall_ms":0,"rpm":0,"tpm":0,"max_concurrency":0,"models":[],"budgets":[],"budget":{"limit_nanousd":1000000000,"period":"month","is_hard":true,"tz":"UTC","warn_permille":[800,1000]},"tags":{},"metadata":{},"revision":0}');
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
