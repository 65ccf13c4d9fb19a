PRAGMA application_id = 1869442665;
PRAGMA user_version = 8;
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
INSERT INTO "attempts" VALUES('01a2297939cf66f09fce81cd6d2f7965',1,'openai','fake-small','good','success',200,1795992140252,1,1,'{"input":2,"output":4}',1,7200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a2297939e6318c1f7ef3f7c811df2a',1,'openai','fake-small','good','success',200,1795992140262,7,3,'{"input":2,"output":4}',1,7200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a229793a02904252bb25bf46bdcc66',1,'openai','fake-small','good','success',200,1795992140290,1,0,'{"input":2,"output":4}',1,7200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a229793a169436288ad4cc6ac6ec7a',1,'openai','fake-small','good','success',200,1795992140310,4,0,'{"input":2,"output":4}',1,7200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a229793a2684e1204e382e4fb20d49',1,'openai','fake-small','good','success',200,1795992140326,1,0,'{"input":2,"output":4}',1,7200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a229793a32b61a58c59ad549734a47',1,'openai','fake-small','good','rate_limited',429,1795992140338,0,0,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','rate_limit_exceeded',1);
INSERT INTO "attempts" VALUES('01a229793a32b61a58c59ad549734a47',2,'openai','fake-small','good','success',200,1795992141290,0,0,'{"input":2,"output":4}',1,7200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a229793df5ebcddf01a66e6c757094',1,'openai','fake-small','good','server_fault',500,1795992141302,0,0,'{}',0,0,0,'configured-6f51e4ba3351:openai/fake-small','server_error',1);
INSERT INTO "attempts" VALUES('01a229793df5ebcddf01a66e6c757094',2,'openai','fake-small','good','success',200,1795992141303,0,0,'{"input":2,"output":4}',1,7200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a229793e13139be31e4a444ae8913b',1,'openai','fake-small','good','lost',0,1795992141331,0,0,'{}',0,86000,1,'configured-6f51e4ba3351:openai/fake-small;bound=135+20+0','upstream_lost',1);
INSERT INTO "attempts" VALUES('01a229793e13139be31e4a444ae8913b',2,'openai','fake-small','good','success',200,1795992141333,0,0,'{"input":2,"output":4}',1,7200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a229793e184982fe80e0001195eb6b',1,'openai','fake-small','good','success',200,1795992141336,0,0,'{"input":2,"output":4}',1,7200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a229793e1d8dabcb3efb3a87865826',1,'openai','fake-small','good','success',200,1795992141342,2,2,'{"input":2,"output":4}',1,7200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a229793e2c07a1a71b30b3793390cf',1,'openai','fake-small','good','success',200,1795992141356,1,0,'{"input":2,"output":4}',1,7200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a229793e4155c4ec1d73e9b1d8b2ff',1,'openai','fake-small','good','success',200,1795992141377,0,0,'{"input":2,"output":4}',1,7200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
INSERT INTO "attempts" VALUES('01a229793e5763f115a4ee774c0f21bc',1,'openai','fake-small','good','success',200,1795992141399,0,0,'{"input":2,"output":4}',1,7200,0,'configured-6f51e4ba3351:openai/fake-small','',1);
CREATE TABLE balances (
    budget          TEXT    NOT NULL,
    period          TEXT    NOT NULL,
    settled_nanousd INTEGER NOT NULL,
    PRIMARY KEY (budget, period)
) STRICT, WITHOUT ROWID;
INSERT INTO "balances" VALUES('ever','total',179600);
INSERT INTO "balances" VALUES('everything','2026-11',179600);
INSERT INTO "balances" VALUES('key:journey','2026-11-29',158000);
INSERT INTO "balances" VALUES('key:stored-0','2026-11',7200);
INSERT INTO "balances" VALUES('key:stored-1','2026-11',7200);
INSERT INTO "balances" VALUES('key:stored-2','2026-11',7200);
CREATE TABLE bindings (
    kind            TEXT    NOT NULL,
    upstream_id     TEXT    NOT NULL,
    provider        TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    caller          TEXT    NOT NULL,
    expires_wall_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, upstream_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "bindings" VALUES('item','msg_fake000000000012','openai','good','journey',1798584141338);
INSERT INTO "bindings" VALUES('response','resp_fake000000000012','openai','good','journey',1798584141338);
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
INSERT INTO "claims" VALUES('4bbe60e05598339f20dbc2c6a0bc011fc5418a61328dace787ddca14af890733','7aee1f2b423f7da5ca52439a3de8b7b21638e62706e2026a238189ec82ebc739','01a229793e1d8dabcb3efb3a87865826',1,1796078541341,0,'','',X'');
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
INSERT INTO "daily_tags" VALUES('2026-11-29','job=j0',2,2,14400,4,0,0,0,8,0,0,0,0,0,0,0,0,0,0,0,0,0);
INSERT INTO "daily_tags" VALUES('2026-11-29','job=j1',2,2,14400,4,0,0,0,8,0,0,0,0,0,0,0,0,0,0,0,0,0);
INSERT INTO "daily_tags" VALUES('2026-11-29','job=j2',1,1,7200,2,0,0,0,4,0,0,0,0,0,0,0,0,0,0,0,0,0);
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
INSERT INTO "entries" VALUES('01a2297939cf66f09fce81cd6d2f7965',1,0,'ever','total',86000,1795992140252,1,0);
INSERT INTO "entries" VALUES('01a2297939cf66f09fce81cd6d2f7965',1,0,'everything','2026-11',86000,1795992140252,1,0);
INSERT INTO "entries" VALUES('01a2297939cf66f09fce81cd6d2f7965',1,0,'key:journey','2026-11-29',86000,1795992140252,1,0);
INSERT INTO "entries" VALUES('01a2297939cf66f09fce81cd6d2f7965',1,1,'ever','total',7200,1795992140252,1,0);
INSERT INTO "entries" VALUES('01a2297939cf66f09fce81cd6d2f7965',1,1,'everything','2026-11',7200,1795992140252,1,0);
INSERT INTO "entries" VALUES('01a2297939cf66f09fce81cd6d2f7965',1,1,'key:journey','2026-11-29',7200,1795992140252,1,0);
INSERT INTO "entries" VALUES('01a2297939e6318c1f7ef3f7c811df2a',1,0,'ever','total',86000,1795992140262,1,0);
INSERT INTO "entries" VALUES('01a2297939e6318c1f7ef3f7c811df2a',1,0,'everything','2026-11',86000,1795992140262,1,0);
INSERT INTO "entries" VALUES('01a2297939e6318c1f7ef3f7c811df2a',1,0,'key:journey','2026-11-29',86000,1795992140262,1,0);
INSERT INTO "entries" VALUES('01a2297939e6318c1f7ef3f7c811df2a',1,1,'ever','total',7200,1795992140262,1,0);
INSERT INTO "entries" VALUES('01a2297939e6318c1f7ef3f7c811df2a',1,1,'everything','2026-11',7200,1795992140262,1,0);
INSERT INTO "entries" VALUES('01a2297939e6318c1f7ef3f7c811df2a',1,1,'key:journey','2026-11-29',7200,1795992140262,1,0);
INSERT INTO "entries" VALUES('01a229793a02904252bb25bf46bdcc66',1,0,'ever','total',86000,1795992140290,1,0);
INSERT INTO "entries" VALUES('01a229793a02904252bb25bf46bdcc66',1,0,'everything','2026-11',86000,1795992140290,1,0);
INSERT INTO "entries" VALUES('01a229793a02904252bb25bf46bdcc66',1,0,'key:journey','2026-11-29',86000,1795992140290,1,0);
INSERT INTO "entries" VALUES('01a229793a02904252bb25bf46bdcc66',1,1,'ever','total',7200,1795992140290,1,0);
INSERT INTO "entries" VALUES('01a229793a02904252bb25bf46bdcc66',1,1,'everything','2026-11',7200,1795992140290,1,0);
INSERT INTO "entries" VALUES('01a229793a02904252bb25bf46bdcc66',1,1,'key:journey','2026-11-29',7200,1795992140290,1,0);
INSERT INTO "entries" VALUES('01a229793a169436288ad4cc6ac6ec7a',1,0,'ever','total',86000,1795992140310,1,0);
INSERT INTO "entries" VALUES('01a229793a169436288ad4cc6ac6ec7a',1,0,'everything','2026-11',86000,1795992140310,1,0);
INSERT INTO "entries" VALUES('01a229793a169436288ad4cc6ac6ec7a',1,0,'key:journey','2026-11-29',86000,1795992140310,1,0);
INSERT INTO "entries" VALUES('01a229793a169436288ad4cc6ac6ec7a',1,1,'ever','total',7200,1795992140310,1,0);
INSERT INTO "entries" VALUES('01a229793a169436288ad4cc6ac6ec7a',1,1,'everything','2026-11',7200,1795992140310,1,0);
INSERT INTO "entries" VALUES('01a229793a169436288ad4cc6ac6ec7a',1,1,'key:journey','2026-11-29',7200,1795992140310,1,0);
INSERT INTO "entries" VALUES('01a229793a2684e1204e382e4fb20d49',1,0,'ever','total',86000,1795992140326,1,0);
INSERT INTO "entries" VALUES('01a229793a2684e1204e382e4fb20d49',1,0,'everything','2026-11',86000,1795992140326,1,0);
INSERT INTO "entries" VALUES('01a229793a2684e1204e382e4fb20d49',1,0,'key:journey','2026-11-29',86000,1795992140326,1,0);
INSERT INTO "entries" VALUES('01a229793a2684e1204e382e4fb20d49',1,1,'ever','total',7200,1795992140326,1,0);
INSERT INTO "entries" VALUES('01a229793a2684e1204e382e4fb20d49',1,1,'everything','2026-11',7200,1795992140326,1,0);
INSERT INTO "entries" VALUES('01a229793a2684e1204e382e4fb20d49',1,1,'key:journey','2026-11-29',7200,1795992140326,1,0);
INSERT INTO "entries" VALUES('01a229793a32b61a58c59ad549734a47',1,0,'ever','total',86000,1795992140338,1,0);
INSERT INTO "entries" VALUES('01a229793a32b61a58c59ad549734a47',1,0,'everything','2026-11',86000,1795992140338,1,0);
INSERT INTO "entries" VALUES('01a229793a32b61a58c59ad549734a47',1,0,'key:journey','2026-11-29',86000,1795992140338,1,0);
INSERT INTO "entries" VALUES('01a229793a32b61a58c59ad549734a47',1,1,'ever','total',0,1795992140338,1,0);
INSERT INTO "entries" VALUES('01a229793a32b61a58c59ad549734a47',1,1,'everything','2026-11',0,1795992140338,1,0);
INSERT INTO "entries" VALUES('01a229793a32b61a58c59ad549734a47',1,1,'key:journey','2026-11-29',0,1795992140338,1,0);
INSERT INTO "entries" VALUES('01a229793a32b61a58c59ad549734a47',2,0,'ever','total',86000,1795992141290,1,0);
INSERT INTO "entries" VALUES('01a229793a32b61a58c59ad549734a47',2,0,'everything','2026-11',86000,1795992141290,1,0);
INSERT INTO "entries" VALUES('01a229793a32b61a58c59ad549734a47',2,0,'key:journey','2026-11-29',86000,1795992141290,1,0);
INSERT INTO "entries" VALUES('01a229793a32b61a58c59ad549734a47',2,1,'ever','total',7200,1795992141290,1,0);
INSERT INTO "entries" VALUES('01a229793a32b61a58c59ad549734a47',2,1,'everything','2026-11',7200,1795992141290,1,0);
INSERT INTO "entries" VALUES('01a229793a32b61a58c59ad549734a47',2,1,'key:journey','2026-11-29',7200,1795992141290,1,0);
INSERT INTO "entries" VALUES('01a229793df5ebcddf01a66e6c757094',1,0,'ever','total',86000,1795992141302,1,0);
INSERT INTO "entries" VALUES('01a229793df5ebcddf01a66e6c757094',1,0,'everything','2026-11',86000,1795992141302,1,0);
INSERT INTO "entries" VALUES('01a229793df5ebcddf01a66e6c757094',1,0,'key:journey','2026-11-29',86000,1795992141302,1,0);
INSERT INTO "entries" VALUES('01a229793df5ebcddf01a66e6c757094',1,1,'ever','total',0,1795992141302,1,0);
INSERT INTO "entries" VALUES('01a229793df5ebcddf01a66e6c757094',1,1,'everything','2026-11',0,1795992141302,1,0);
INSERT INTO "entries" VALUES('01a229793df5ebcddf01a66e6c757094',1,1,'key:journey','2026-11-29',0,1795992141302,1,0);
INSERT INTO "entries" VALUES('01a229793df5ebcddf01a66e6c757094',2,0,'ever','total',86000,1795992141303,1,0);
INSERT INTO "entries" VALUES('01a229793df5ebcddf01a66e6c757094',2,0,'everything','2026-11',86000,1795992141303,1,0);
INSERT INTO "entries" VALUES('01a229793df5ebcddf01a66e6c757094',2,0,'key:journey','2026-11-29',86000,1795992141303,1,0);
INSERT INTO "entries" VALUES('01a229793df5ebcddf01a66e6c757094',2,1,'ever','total',7200,1795992141303,1,0);
INSERT INTO "entries" VALUES('01a229793df5ebcddf01a66e6c757094',2,1,'everything','2026-11',7200,1795992141303,1,0);
INSERT INTO "entries" VALUES('01a229793df5ebcddf01a66e6c757094',2,1,'key:journey','2026-11-29',7200,1795992141303,1,0);
INSERT INTO "entries" VALUES('01a229793e13139be31e4a444ae8913b',1,0,'ever','total',86000,1795992141331,1,0);
INSERT INTO "entries" VALUES('01a229793e13139be31e4a444ae8913b',1,0,'everything','2026-11',86000,1795992141331,1,0);
INSERT INTO "entries" VALUES('01a229793e13139be31e4a444ae8913b',1,0,'key:journey','2026-11-29',86000,1795992141331,1,0);
INSERT INTO "entries" VALUES('01a229793e13139be31e4a444ae8913b',1,1,'ever','total',86000,1795992141331,1,1);
INSERT INTO "entries" VALUES('01a229793e13139be31e4a444ae8913b',1,1,'everything','2026-11',86000,1795992141331,1,1);
INSERT INTO "entries" VALUES('01a229793e13139be31e4a444ae8913b',1,1,'key:journey','2026-11-29',86000,1795992141331,1,1);
INSERT INTO "entries" VALUES('01a229793e13139be31e4a444ae8913b',2,0,'ever','total',86000,1795992141333,1,0);
INSERT INTO "entries" VALUES('01a229793e13139be31e4a444ae8913b',2,0,'everything','2026-11',86000,1795992141333,1,0);
INSERT INTO "entries" VALUES('01a229793e13139be31e4a444ae8913b',2,0,'key:journey','2026-11-29',86000,1795992141333,1,0);
INSERT INTO "entries" VALUES('01a229793e13139be31e4a444ae8913b',2,1,'ever','total',7200,1795992141333,1,0);
INSERT INTO "entries" VALUES('01a229793e13139be31e4a444ae8913b',2,1,'everything','2026-11',7200,1795992141333,1,0);
INSERT INTO "entries" VALUES('01a229793e13139be31e4a444ae8913b',2,1,'key:journey','2026-11-29',7200,1795992141333,1,0);
INSERT INTO "entries" VALUES('01a229793e184982fe80e0001195eb6b',1,0,'ever','total',74800,1795992141336,1,0);
INSERT INTO "entries" VALUES('01a229793e184982fe80e0001195eb6b',1,0,'everything','2026-11',74800,1795992141336,1,0);
INSERT INTO "entries" VALUES('01a229793e184982fe80e0001195eb6b',1,0,'key:journey','2026-11-29',74800,1795992141336,1,0);
INSERT INTO "entries" VALUES('01a229793e184982fe80e0001195eb6b',1,1,'ever','total',7200,1795992141336,1,0);
INSERT INTO "entries" VALUES('01a229793e184982fe80e0001195eb6b',1,1,'everything','2026-11',7200,1795992141336,1,0);
INSERT INTO "entries" VALUES('01a229793e184982fe80e0001195eb6b',1,1,'key:journey','2026-11-29',7200,1795992141336,1,0);
INSERT INTO "entries" VALUES('01a229793e1d8dabcb3efb3a87865826',1,0,'ever','total',86000,1795992141342,1,0);
INSERT INTO "entries" VALUES('01a229793e1d8dabcb3efb3a87865826',1,0,'everything','2026-11',86000,1795992141342,1,0);
INSERT INTO "entries" VALUES('01a229793e1d8dabcb3efb3a87865826',1,0,'key:journey','2026-11-29',86000,1795992141342,1,0);
INSERT INTO "entries" VALUES('01a229793e1d8dabcb3efb3a87865826',1,1,'ever','total',7200,1795992141342,1,0);
INSERT INTO "entries" VALUES('01a229793e1d8dabcb3efb3a87865826',1,1,'everything','2026-11',7200,1795992141342,1,0);
INSERT INTO "entries" VALUES('01a229793e1d8dabcb3efb3a87865826',1,1,'key:journey','2026-11-29',7200,1795992141342,1,0);
INSERT INTO "entries" VALUES('01a229793e2c07a1a71b30b3793390cf',1,0,'ever','total',86000,1795992141356,1,0);
INSERT INTO "entries" VALUES('01a229793e2c07a1a71b30b3793390cf',1,0,'everything','2026-11',86000,1795992141356,1,0);
INSERT INTO "entries" VALUES('01a229793e2c07a1a71b30b3793390cf',1,0,'key:stored-0','2026-11',86000,1795992141356,1,0);
INSERT INTO "entries" VALUES('01a229793e2c07a1a71b30b3793390cf',1,1,'ever','total',7200,1795992141356,1,0);
INSERT INTO "entries" VALUES('01a229793e2c07a1a71b30b3793390cf',1,1,'everything','2026-11',7200,1795992141356,1,0);
INSERT INTO "entries" VALUES('01a229793e2c07a1a71b30b3793390cf',1,1,'key:stored-0','2026-11',7200,1795992141356,1,0);
INSERT INTO "entries" VALUES('01a229793e4155c4ec1d73e9b1d8b2ff',1,0,'ever','total',86000,1795992141377,1,0);
INSERT INTO "entries" VALUES('01a229793e4155c4ec1d73e9b1d8b2ff',1,0,'everything','2026-11',86000,1795992141377,1,0);
INSERT INTO "entries" VALUES('01a229793e4155c4ec1d73e9b1d8b2ff',1,0,'key:stored-1','2026-11',86000,1795992141377,1,0);
INSERT INTO "entries" VALUES('01a229793e4155c4ec1d73e9b1d8b2ff',1,1,'ever','total',7200,1795992141377,1,0);
INSERT INTO "entries" VALUES('01a229793e4155c4ec1d73e9b1d8b2ff',1,1,'everything','2026-11',7200,1795992141377,1,0);
INSERT INTO "entries" VALUES('01a229793e4155c4ec1d73e9b1d8b2ff',1,1,'key:stored-1','2026-11',7200,1795992141377,1,0);
INSERT INTO "entries" VALUES('01a229793e5763f115a4ee774c0f21bc',1,0,'ever','total',86000,1795992141399,1,0);
INSERT INTO "entries" VALUES('01a229793e5763f115a4ee774c0f21bc',1,0,'everything','2026-11',86000,1795992141399,1,0);
INSERT INTO "entries" VALUES('01a229793e5763f115a4ee774c0f21bc',1,0,'key:stored-2','2026-11',86000,1795992141399,1,0);
INSERT INTO "entries" VALUES('01a229793e5763f115a4ee774c0f21bc',1,1,'ever','total',7200,1795992141399,1,0);
INSERT INTO "entries" VALUES('01a229793e5763f115a4ee774c0f21bc',1,1,'everything','2026-11',7200,1795992141399,1,0);
INSERT INTO "entries" VALUES('01a229793e5763f115a4ee774c0f21bc',1,1,'key:stored-2','2026-11',7200,1795992141399,1,0);
INSERT INTO "entries" VALUES('01a229793e77ee2f22a6ddbbbb324705',1,0,'ever','total',96000,1795992141432,1,0);
INSERT INTO "entries" VALUES('01a229793e77ee2f22a6ddbbbb324705',1,0,'everything','2026-11',96000,1795992141432,1,0);
INSERT INTO "entries" VALUES('01a229793e77ee2f22a6ddbbbb324705',1,0,'key:journey','2026-11-29',96000,1795992141432,1,0);
INSERT INTO "entries" VALUES('01a229793e7f9774997e7e4badd0e3f9',1,0,'ever','total',96000,1795992141439,1,0);
INSERT INTO "entries" VALUES('01a229793e7f9774997e7e4badd0e3f9',1,0,'everything','2026-11',96000,1795992141439,1,0);
INSERT INTO "entries" VALUES('01a229793e7f9774997e7e4badd0e3f9',1,0,'key:journey','2026-11-29',96000,1795992141439,1,0);
CREATE TABLE epochs (
    epoch           INTEGER PRIMARY KEY,
    started_wall_ms INTEGER NOT NULL,
    ended_wall_ms   INTEGER
) STRICT;
INSERT INTO "epochs" VALUES(1,1795992139842,NULL);
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
INSERT INTO "requests" VALUES('01a2297939cf66f09fce81cd6d2f7965',1795992140239,'2026-11-29',21,'journey','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":2,"output":4}',7200,0,'job=j0','','',1);
INSERT INTO "requests" VALUES('01a2297939e6318c1f7ef3f7c811df2a',1795992140262,'2026-11-29',26,'journey','openai_chat','generate','fast','openai','fake-small','good',200,'success',1,1,'{"input":2,"output":4}',7200,0,'job=j1','','',1);
INSERT INTO "requests" VALUES('01a229793a02904252bb25bf46bdcc66',1795992140290,'2026-11-29',11,'journey','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":2,"output":4}',7200,0,'job=j2','','',1);
INSERT INTO "requests" VALUES('01a229793a169436288ad4cc6ac6ec7a',1795992140310,'2026-11-29',15,'journey','openai_chat','generate','fast','openai','fake-small','good',200,'success',1,1,'{"input":2,"output":4}',7200,0,'job=j0','','',1);
INSERT INTO "requests" VALUES('01a229793a2684e1204e382e4fb20d49',1795992140326,'2026-11-29',12,'journey','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":2,"output":4}',7200,0,'job=j1','','',1);
INSERT INTO "requests" VALUES('01a229793a32b61a58c59ad549734a47',1795992140338,'2026-11-29',957,'journey','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,2,'{"input":2,"output":4}',7200,0,'','','',1);
INSERT INTO "requests" VALUES('01a229793df5ebcddf01a66e6c757094',1795992141301,'2026-11-29',18,'journey','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,2,'{"input":2,"output":4}',7200,0,'','','',1);
INSERT INTO "requests" VALUES('01a229793e13139be31e4a444ae8913b',1795992141331,'2026-11-29',4,'journey','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,2,'{"input":2,"output":4}',93200,1,'','','',1);
INSERT INTO "requests" VALUES('01a229793e184982fe80e0001195eb6b',1795992141336,'2026-11-29',2,'journey','openai_responses','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":2,"output":4}',7200,0,'','','',1);
INSERT INTO "requests" VALUES('01a229793e1d8dabcb3efb3a87865826',1795992141341,'2026-11-29',3,'journey','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":2,"output":4}',7200,0,'','','',1);
INSERT INTO "requests" VALUES('01a229793e2c07a1a71b30b3793390cf',1795992141356,'2026-11-29',17,'stored-0','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":2,"output":4}',7200,0,'','','',1);
INSERT INTO "requests" VALUES('01a229793e4155c4ec1d73e9b1d8b2ff',1795992141377,'2026-11-29',8,'stored-1','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":2,"output":4}',7200,0,'','','',1);
INSERT INTO "requests" VALUES('01a229793e5763f115a4ee774c0f21bc',1795992141399,'2026-11-29',2,'stored-2','openai_chat','generate','fast','openai','fake-small','good',200,'success',0,1,'{"input":2,"output":4}',7200,0,'','','',1);
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
INSERT INTO "unfolded" VALUES(1,'[[["2026-11-29","journey","fast","openai","good"],[1,1,7200,2,0,0,0,0,0,0,0,0,4,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(2,'[[["2026-11-29","journey","fast","openai","good"],[1,1,7200,2,0,0,0,0,0,0,0,0,4,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(3,'[[["2026-11-29","journey","fast","openai","good"],[1,1,7200,2,0,0,0,0,0,0,0,0,4,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(4,'[[["2026-11-29","journey","fast","openai","good"],[1,1,7200,2,0,0,0,0,0,0,0,0,4,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(5,'[[["2026-11-29","journey","fast","openai","good"],[1,1,7200,2,0,0,0,0,0,0,0,0,4,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(6,'[[["2026-11-29","journey","fast","openai","good"],[1,2,7200,2,0,0,0,0,0,0,0,0,4,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(7,'[[["2026-11-29","journey","fast","openai","good"],[1,2,7200,2,0,0,0,0,0,0,0,0,4,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(8,'[[["2026-11-29","journey","fast","openai","good"],[1,2,93200,2,0,0,0,0,0,0,0,0,4,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(9,'[[["2026-11-29","journey","fast","openai","good"],[1,1,7200,2,0,0,0,0,0,0,0,0,4,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(10,'[[["2026-11-29","journey","fast","openai","good"],[1,1,7200,2,0,0,0,0,0,0,0,0,4,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(11,'[[["2026-11-29","stored-0","fast","openai","good"],[1,1,7200,2,0,0,0,0,0,0,0,0,4,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(12,'[[["2026-11-29","stored-1","fast","openai","good"],[1,1,7200,2,0,0,0,0,0,0,0,0,4,0,0,0,0,0,0,0,0]]]');
INSERT INTO "unfolded" VALUES(13,'[[["2026-11-29","stored-2","fast","openai","good"],[1,1,7200,2,0,0,0,0,0,0,0,0,4,0,0,0,0,0,0,0,0]]]');
CREATE TABLE virtual_keys (
    name            TEXT    NOT NULL PRIMARY KEY,
    digest          TEXT    NOT NULL UNIQUE,
    previous_digest TEXT    NOT NULL,
    revision        INTEGER NOT NULL UNIQUE,
    record          TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "virtual_keys" VALUES('stored-0','3720cbc5b54866f457f2dd79c98467e92f613bac9ee9f8c0b25fa791525028b1','',1,'{"name":"stored-0","digest":"3720cbc5b54866f457f2dd79c98467e92f613bac9ee9f8c0b25fa791525028b1","pepper_id":"3d8f735e63618c21","created_wall_ms":1795992141346,"previous_digest":"","previous_until_wall_ms":0,"rotated_wall_ms":0,"revoked_wall_ms":0,"expires_wall_ms":0,"rpm":60,"tpm":0,"max_concurrency":0,"models":[],"budgets":[],"budget":{"limit_nanousd":5000000000,"period":"month","is_hard":true,"tz":"UTC","warn_permille":[800,1000]},"tags":{},"metadata":{},"revision":0}');
INSERT INTO "virtual_keys" VALUES('stored-1','3f613854b939c30f5886e57bb0a2db713f1b9227870701e1bd54522361022d72','41bdda0661456e3ffc6834c315b08b8dce6159f0f6eeaf7abcb72b999198f7b5',4,'{"name":"stored-1","digest":"3f613854b939c30f5886e57bb0a2db713f1b9227870701e1bd54522361022d72","pepper_id":"3d8f735e63618c21","created_wall_ms":1795992141374,"previous_digest":"41bdda0661456e3ffc6834c315b08b8dce6159f0f6eeaf7abcb72b999198f7b5","previous_until_wall_ms":1795995741403,"rotated_wall_ms":1795992141403,"revoked_wall_ms":0,"expires_wall_ms":0,"rpm":60,"tpm":0,"max_concurrency":0,"models":[],"budgets":[],"budget":{"limit_nanousd":5000000000,"period":"month","is_hard":true,"tz":"UTC","warn_permille":[800,1000]},"tags":{},"metadata":{},"revision":0}');
INSERT INTO "virtual_keys" VALUES('stored-2','b8c63879cce0c3995f62e3311a449da055884e746c1ec73c293803576c5516f6','',5,'{"name":"stored-2","digest":"b8c63879cce0c3995f62e3311a449da055884e746c1ec73c293803576c5516f6","pepper_id":"3d8f735e63618c21","created_wall_ms":1795992141387,"previous_digest":"","previous_until_wall_ms":0,"rotated_wall_ms":0,"revoked_wall_ms":1795992141419,"expires_wall_ms":0,"rpm":60,"tpm":0,"max_concurrency":0,"models":[],"budgets":[],"budget":{"limit_nanousd":5000000000,"period":"month","is_hard":true,"tz":"UTC","warn_permille":[800,1000]},"tags":{},"metadata":{},"revision":0}');
CREATE INDEX reserves_by_epoch ON entries (epoch) WHERE kind = 0;
CREATE INDEX bindings_by_expiry ON bindings (expires_wall_ms);
CREATE INDEX virtual_keys_by_previous_digest ON virtual_keys (previous_digest) WHERE previous_digest <> '';
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
