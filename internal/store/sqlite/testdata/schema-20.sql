-- A database of before there were signatures of the audit log, with two organizations'
-- records, as that version wrote it.
BEGIN TRANSACTION;
CREATE TABLE audit_webhooks (
    organization  TEXT    NOT NULL PRIMARY KEY REFERENCES organizations (id),
    url           TEXT    NOT NULL,
    generation    BIGINT  NOT NULL,
    sealed        BYTEA   NOT NULL,
    data_key      BIGINT  NOT NULL REFERENCES data_keys (number),
    delivered     BIGINT  NOT NULL,
    paused        BOOLEAN NOT NULL,
    failures      BIGINT  NOT NULL,
    problem       TEXT    NOT NULL,
    next_at       BIGINT  NOT NULL,
    failing_since BIGINT  NOT NULL,
    delivered_at  BIGINT  NOT NULL,
    lease         TEXT    NOT NULL,
    lease_until   BIGINT  NOT NULL,
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL
);
CREATE TABLE buckets (
			organization TEXT   NOT NULL,
			account      TEXT   NOT NULL,
			service      TEXT   NOT NULL,
			region       TEXT   NOT NULL,
			empty_at     BIGINT NOT NULL,
			PRIMARY KEY (organization, account, service, region)
		);
CREATE TABLE data_keys (
    number     BIGINT NOT NULL PRIMARY KEY,
    kek        TEXT   NOT NULL,
    wrapped    BYTEA  NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE environment_output (
    organization TEXT   NOT NULL,
    environment  TEXT   NOT NULL,
    service      TEXT   NOT NULL,
    starts       BIGINT NOT NULL,
    position     BIGINT NOT NULL,
    data         BYTEA  NOT NULL,
    PRIMARY KEY (organization, environment, service),
    FOREIGN KEY (organization, environment) REFERENCES environments (organization, id)
);
CREATE TABLE environment_registries (
    organization TEXT   NOT NULL,
    environment  TEXT   NOT NULL,
    registry     TEXT   NOT NULL,
    generation   BIGINT NOT NULL,
    PRIMARY KEY (organization, environment, registry),
    FOREIGN KEY (organization, environment) REFERENCES environments (organization, id),
    FOREIGN KEY (organization, registry, generation) REFERENCES registry_generations (organization, registry, generation)
);
CREATE TABLE environments (
    organization TEXT   NOT NULL REFERENCES organizations (id),
    id           TEXT   NOT NULL,
    project      TEXT   NOT NULL,
    runner       TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    services     TEXT   NOT NULL,
    wanted       TEXT   NOT NULL,
    phase        TEXT   NOT NULL,
    conditions   TEXT   NOT NULL,
    status       TEXT   NOT NULL,
    starts       BIGINT NOT NULL,
    revision     BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL, ref TEXT NOT NULL DEFAULT '', commit_id TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (organization, id),
    FOREIGN KEY (organization, project) REFERENCES projects (organization, id),
    FOREIGN KEY (organization, runner) REFERENCES runners (organization, id)
);
CREATE TABLE event_heads (
    organization TEXT   NOT NULL PRIMARY KEY REFERENCES organizations (id),
    sequence     BIGINT NOT NULL,
    hash         TEXT   NOT NULL
);
INSERT INTO "event_heads" VALUES('org_06h26t8adj15v1d3qs21db6h24',3,'v1:275e01a5f0c56c55fc15524f4f6f233e3fb8b880ac6955536da51a87728ff273');
INSERT INTO "event_heads" VALUES('org_06h26t8ag8pxs5cvfgw51mkeh8',3,'v1:0ee1084e58bc6ab4d64f5bb3fec92710ccf3d6e96e8b14583821afa2b00d63c2');
CREATE TABLE events (
    organization   TEXT   NOT NULL,
    sequence       BIGINT NOT NULL,
    previous       TEXT   NOT NULL,
    hash           TEXT   NOT NULL,
    at             BIGINT NOT NULL,
    action         TEXT   NOT NULL,
    decision       TEXT   NOT NULL,
    reason         TEXT   NOT NULL,
    caller_kind    TEXT   NOT NULL,
    caller_id      TEXT   NOT NULL,
    caller_name    TEXT   NOT NULL,
    caller_address TEXT   NOT NULL,
    project        TEXT   NOT NULL,
    environment    TEXT   NOT NULL,
    runner         TEXT   NOT NULL,
    registry       TEXT   NOT NULL,
    generation     BIGINT NOT NULL,
    integration    TEXT   NOT NULL,
    target         TEXT   NOT NULL,
    detail         TEXT   NOT NULL,
    PRIMARY KEY (organization, sequence)
);
INSERT INTO "events" VALUES('org_06h26t8adj15v1d3qs21db6h24',1,'','v1:1c7ffc384328ce1a25fe060801a09f6d38d1127a07671ce7b3d230c147f0efaa',1795890416245890,'credential.issue','allowed','','','','','','','','','',0,'','','{"n":"0"}');
INSERT INTO "events" VALUES('org_06h26t8adj15v1d3qs21db6h24',2,'v1:1c7ffc384328ce1a25fe060801a09f6d38d1127a07671ce7b3d230c147f0efaa','v1:eaa235fc3b7e79a2a6fbb0502be326ebfc4751bc3e5736077041ac2478a43ec2',1795890416247410,'credential.issue','allowed','','','','','','','','','',0,'','','{"n":"1"}');
INSERT INTO "events" VALUES('org_06h26t8adj15v1d3qs21db6h24',3,'v1:eaa235fc3b7e79a2a6fbb0502be326ebfc4751bc3e5736077041ac2478a43ec2','v1:275e01a5f0c56c55fc15524f4f6f233e3fb8b880ac6955536da51a87728ff273',1795890416255903,'credential.issue','allowed','','','','','','','','','',0,'','','{"n":"2"}');
INSERT INTO "events" VALUES('org_06h26t8ag8pxs5cvfgw51mkeh8',1,'','v1:9dbb07c8a62702d84e68a3aa2293a20f4b39dbc487f420514eefcb85c8167317',1795890416260730,'credential.issue','allowed','','','','','','','','','',0,'','','{"n":"0"}');
INSERT INTO "events" VALUES('org_06h26t8ag8pxs5cvfgw51mkeh8',2,'v1:9dbb07c8a62702d84e68a3aa2293a20f4b39dbc487f420514eefcb85c8167317','v1:f8d76847910e654dbb0ca4d9125d766e68992f1955a3df590be4a4f8f9c8e31e',1795890416266293,'credential.issue','allowed','','','','','','','','','',0,'','','{"n":"1"}');
INSERT INTO "events" VALUES('org_06h26t8ag8pxs5cvfgw51mkeh8',3,'v1:f8d76847910e654dbb0ca4d9125d766e68992f1955a3df590be4a4f8f9c8e31e','v1:0ee1084e58bc6ab4d64f5bb3fec92710ccf3d6e96e8b14583821afa2b00d63c2',1795890416267088,'credential.issue','allowed','','','','','','','','','',0,'','','{"n":"2"}');
CREATE TABLE git_logins (
    organization TEXT   NOT NULL REFERENCES organizations (id),
    project      TEXT   NOT NULL,
    username     TEXT   NOT NULL,
    sealed       BYTEA  NOT NULL,
    data_key     BIGINT NOT NULL REFERENCES data_keys (number),
    version      BIGINT NOT NULL,
    PRIMARY KEY (organization, project),
    FOREIGN KEY (organization, project) REFERENCES projects (organization, id)
);
CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO "goose_db_version" VALUES(1,0,1,'2026-11-28 18:26:56');
INSERT INTO "goose_db_version" VALUES(2,1,1,'2026-11-28 18:26:56');
INSERT INTO "goose_db_version" VALUES(3,2,1,'2026-11-28 18:26:56');
INSERT INTO "goose_db_version" VALUES(4,3,1,'2026-11-28 18:26:56');
INSERT INTO "goose_db_version" VALUES(5,4,1,'2026-11-28 18:26:56');
INSERT INTO "goose_db_version" VALUES(6,5,1,'2026-11-28 18:26:56');
INSERT INTO "goose_db_version" VALUES(7,6,1,'2026-11-28 18:26:56');
INSERT INTO "goose_db_version" VALUES(8,7,1,'2026-11-28 18:26:56');
INSERT INTO "goose_db_version" VALUES(9,8,1,'2026-11-28 18:26:56');
INSERT INTO "goose_db_version" VALUES(10,9,1,'2026-11-28 18:26:56');
INSERT INTO "goose_db_version" VALUES(11,20,1,'2026-11-28 18:26:56');
CREATE TABLE handovers (
			organization  TEXT   NOT NULL,
			id            TEXT   NOT NULL,
			lease         BIGINT NOT NULL,
			lease_until   BIGINT NOT NULL,
			version       BIGINT NOT NULL DEFAULT 0,
			sealed        BYTEA,
			data_key      BIGINT REFERENCES data_keys (number),
			refresh_at    BIGINT NOT NULL DEFAULT 0,
			serve_until   BIGINT NOT NULL DEFAULT 0,
			failed        BIGINT NOT NULL DEFAULT 0,
			failure       TEXT   NOT NULL DEFAULT '',
			failure_until BIGINT NOT NULL DEFAULT 0,
			PRIMARY KEY (organization, id)
		);
CREATE TABLE integration_runners (
    organization TEXT NOT NULL,
    integration  TEXT NOT NULL,
    runner       TEXT NOT NULL,
    PRIMARY KEY (organization, integration, runner),
    FOREIGN KEY (organization, integration) REFERENCES integrations (organization, id),
    FOREIGN KEY (organization, runner) REFERENCES runners (organization, id)
);
CREATE TABLE integrations (
    organization  TEXT   NOT NULL REFERENCES organizations (id),
    id            TEXT   NOT NULL,
    name          TEXT   NOT NULL,
    mode          TEXT   NOT NULL,
    account       TEXT   NOT NULL,
    region        TEXT   NOT NULL,
    access_key_id TEXT   NOT NULL,
    chain         TEXT   NOT NULL,
    principal     TEXT   NOT NULL,
    generation    BIGINT NOT NULL,
    sealed        BYTEA,
    data_key      BIGINT REFERENCES data_keys (number),
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (organization, id)
);
CREATE TABLE members (
    organization TEXT   NOT NULL REFERENCES organizations (id),
    id           TEXT   NOT NULL,
    project      TEXT,
    email        TEXT   NOT NULL,
    person       TEXT REFERENCES users (id),
    role         TEXT   NOT NULL,
    created_by   TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (organization, id),
    FOREIGN KEY (organization, project) REFERENCES projects (organization, id)
);
CREATE TABLE organizations (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
, subject TEXT NOT NULL DEFAULT '');
INSERT INTO "organizations" VALUES('org_06h26t8adj15v1d3qs21db6h24','acme',1795890416236036,'');
INSERT INTO "organizations" VALUES('org_06h26t8ag8pxs5cvfgw51mkeh8','beta',1795890416258411,'');
INSERT INTO "organizations" VALUES('org_06h26t8ahf86hrk00zf1awchz0','idle',1795890416267809,'');
CREATE TABLE projects (
    organization     TEXT    NOT NULL REFERENCES organizations (id),
    id               TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    repository       TEXT    NOT NULL,
    ownership_proved BOOLEAN NOT NULL,
    created_at       BIGINT  NOT NULL,
    deleted_at       BIGINT  NOT NULL DEFAULT 0, challenge TEXT NOT NULL DEFAULT '', proved_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (organization, id)
);
CREATE TABLE registries (
    organization TEXT   NOT NULL REFERENCES organizations (id),
    id           TEXT   NOT NULL,
    project      TEXT,
    name         TEXT   NOT NULL,
    host         TEXT   NOT NULL,
    path_prefix  TEXT   NOT NULL,
    auth         TEXT   NOT NULL,
    generation   BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    deleted_at   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (organization, id),
    FOREIGN KEY (organization, project) REFERENCES projects (organization, id)
);
CREATE TABLE registry_generation_runners (
    organization TEXT   NOT NULL,
    registry     TEXT   NOT NULL,
    generation   BIGINT NOT NULL,
    runner       TEXT   NOT NULL,
    PRIMARY KEY (organization, registry, generation, runner),
    FOREIGN KEY (organization, registry, generation) REFERENCES registry_generations (organization, registry, generation),
    FOREIGN KEY (organization, runner) REFERENCES runners (organization, id)
);
CREATE TABLE registry_generations (
    organization TEXT   NOT NULL,
    registry     TEXT   NOT NULL,
    generation   BIGINT NOT NULL,
    username     TEXT   NOT NULL,
    integration  TEXT,
    inside       TEXT   NOT NULL,
    sealed       BYTEA,
    data_key     BIGINT REFERENCES data_keys (number),
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (organization, registry, generation),
    FOREIGN KEY (organization, registry) REFERENCES registries (organization, id),
    FOREIGN KEY (organization, integration) REFERENCES integrations (organization, id)
);
CREATE TABLE repositories (
    organization TEXT   NOT NULL REFERENCES organizations (id),
    id           TEXT   NOT NULL,
    project      TEXT   NOT NULL,
    integration  TEXT   NOT NULL,
    puller       TEXT   NOT NULL,
    registry     TEXT   NOT NULL,
    host         TEXT   NOT NULL,
    account      TEXT   NOT NULL,
    region       TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    settings     TEXT   NOT NULL,
    principals   TEXT   NOT NULL,
    state        TEXT   NOT NULL,
    reason       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    applied_at   BIGINT NOT NULL,
    PRIMARY KEY (organization, id),
    FOREIGN KEY (organization, project) REFERENCES projects (organization, id),
    FOREIGN KEY (organization, integration) REFERENCES integrations (organization, id),
    FOREIGN KEY (organization, puller) REFERENCES integrations (organization, id)
);
CREATE TABLE repository_defaults (
    organization TEXT NOT NULL PRIMARY KEY REFERENCES organizations (id),
    settings     TEXT NOT NULL
);
CREATE TABLE runners (
    organization TEXT    NOT NULL REFERENCES organizations (id),
    id           TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    hosted       BOOLEAN NOT NULL,
    version      TEXT    NOT NULL,
    capabilities TEXT    NOT NULL,
    aws_identity TEXT    NOT NULL,
    phase        TEXT    NOT NULL,
    message      TEXT    NOT NULL,
    last_seen_at BIGINT  NOT NULL,
    created_at   BIGINT  NOT NULL,
    deleted_at   BIGINT  NOT NULL DEFAULT 0,
    PRIMARY KEY (organization, id)
);
CREATE TABLE sign_ins (
    id                TEXT   NOT NULL PRIMARY KEY,
    state             TEXT,
    browser           TEXT   NOT NULL,
    user_code         TEXT,
    device            TEXT,
    code              TEXT,
    redirect          TEXT   NOT NULL,
    client_state      TEXT   NOT NULL,
    challenge         TEXT   NOT NULL,
    wish_organization TEXT   NOT NULL,
    wish_project      TEXT   NOT NULL,
    organization      TEXT,
    member            TEXT,
    refusal           TEXT   NOT NULL,
    expires_at        BIGINT NOT NULL, address TEXT NOT NULL DEFAULT '',
    FOREIGN KEY (organization, member) REFERENCES members (organization, id) ON DELETE CASCADE
);
CREATE TABLE signing_keys (
    organization TEXT   NOT NULL REFERENCES organizations (id),
    algorithm    TEXT   NOT NULL,
    sequence     BIGINT NOT NULL,
    id           TEXT   NOT NULL,
    sealed       BYTEA  NOT NULL,
    data_key     BIGINT NOT NULL REFERENCES data_keys (number),
    active_from  BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (organization, algorithm, sequence)
);
CREATE TABLE tokens (
    id           TEXT   NOT NULL PRIMARY KEY,
    organization TEXT REFERENCES organizations (id),
    kind         TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    hash         TEXT   NOT NULL UNIQUE,
    role         TEXT   NOT NULL,
    project      TEXT,
    runner       TEXT,
    created_by   TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL, action TEXT NOT NULL DEFAULT '',
    CHECK (organization IS NOT NULL OR (kind = 'setup' AND project IS NULL AND runner IS NULL)),
    FOREIGN KEY (organization, project) REFERENCES projects (organization, id),
    FOREIGN KEY (organization, runner) REFERENCES runners (organization, id)
);
CREATE TABLE trials (
    organization TEXT   NOT NULL REFERENCES organizations (id),
    id           TEXT   NOT NULL,
    runner       TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    asked        TEXT   NOT NULL,
    sealed       BYTEA,
    data_key     BIGINT REFERENCES data_keys (number),
    state        TEXT   NOT NULL,
    result       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    PRIMARY KEY (organization, id),
    FOREIGN KEY (organization, runner) REFERENCES runners (organization, id)
);
CREATE TABLE trusts (
    organization TEXT   NOT NULL REFERENCES organizations (id),
    id           TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    issuer       TEXT   NOT NULL,
    audience     TEXT   NOT NULL,
    conditions   TEXT   NOT NULL,
    project      TEXT   NOT NULL,
    action       TEXT   NOT NULL,
    life         BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (organization, id),
    FOREIGN KEY (organization, project) REFERENCES projects (organization, id)
);
CREATE TABLE users (
    id           TEXT   NOT NULL PRIMARY KEY,
    issuer       TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    email        TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    signed_in_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX projects_name ON projects (organization, name) WHERE deleted_at = 0;
CREATE UNIQUE INDEX runners_name ON runners (organization, name) WHERE deleted_at = 0;
CREATE UNIQUE INDEX integrations_name ON integrations (organization, name);
CREATE INDEX integrations_data_key ON integrations (data_key, organization, id);
CREATE UNIQUE INDEX registries_tie ON registries (organization, COALESCE(project, ''), host, path_prefix) WHERE deleted_at = 0;
CREATE UNIQUE INDEX registries_name ON registries (organization, COALESCE(project, ''), name) WHERE deleted_at = 0;
CREATE INDEX registry_generations_integration ON registry_generations (organization, integration);
CREATE INDEX registry_generations_data_key ON registry_generations (data_key, organization, registry, generation);
CREATE UNIQUE INDEX environments_name ON environments (organization, project, name) WHERE phase <> 'deleted';
CREATE INDEX environments_there ON environments (organization, id) WHERE phase <> 'deleted';
CREATE INDEX environments_project ON environments (organization, project, id);
CREATE INDEX environments_runner ON environments (organization, runner, id);
CREATE INDEX environments_phase ON environments (organization, phase, id);
CREATE INDEX environment_registries_generation ON environment_registries (organization, registry, generation);
CREATE INDEX tokens_organization ON tokens (organization, id);
CREATE INDEX tokens_runner ON tokens (organization, runner);
CREATE INDEX tokens_project ON tokens (organization, project);
CREATE INDEX events_at ON events (organization, at);
CREATE INDEX events_environment ON events (organization, environment, sequence) WHERE environment <> '';
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END;
CREATE INDEX tokens_expired ON tokens (expires_at) WHERE kind = 'ci';
CREATE INDEX signing_keys_data_key ON signing_keys (data_key, organization, algorithm, sequence);
CREATE UNIQUE INDEX trusts_name ON trusts (organization, name);
CREATE INDEX trusts_issuer ON trusts (organization, issuer, id);
CREATE INDEX trusts_project ON trusts (organization, project);
CREATE UNIQUE INDEX users_subject ON users (issuer, subject);
CREATE UNIQUE INDEX members_email ON members (organization, COALESCE(project, ''), email);
CREATE UNIQUE INDEX members_person ON members (organization, COALESCE(project, ''), person) WHERE person IS NOT NULL;
CREATE INDEX members_invited ON members (email) WHERE person IS NULL;
CREATE INDEX members_of_person ON members (person) WHERE person IS NOT NULL;
CREATE INDEX members_project ON members (organization, project);
CREATE UNIQUE INDEX sign_ins_state ON sign_ins (state);
CREATE UNIQUE INDEX sign_ins_user_code ON sign_ins (user_code);
CREATE UNIQUE INDEX sign_ins_device ON sign_ins (device);
CREATE UNIQUE INDEX sign_ins_code ON sign_ins (code);
CREATE INDEX sign_ins_expires ON sign_ins (expires_at);
CREATE INDEX sign_ins_member ON sign_ins (organization, member);
CREATE INDEX tokens_session ON tokens (organization, created_by) WHERE kind = 'session';
CREATE INDEX audit_webhooks_data_key ON audit_webhooks (data_key, organization);
CREATE INDEX handovers_data_key ON handovers (data_key);
CREATE UNIQUE INDEX repositories_place ON repositories (organization, account, region, name);
CREATE INDEX repositories_project ON repositories (organization, project, id);
CREATE INDEX repositories_registry ON repositories (organization, registry);
CREATE INDEX repositories_integration ON repositories (organization, integration);
CREATE INDEX repositories_puller ON repositories (organization, puller);
CREATE INDEX trials_runner ON trials (organization, runner, id);
CREATE INDEX trials_expires ON trials (expires_at);
CREATE INDEX trials_data_key ON trials (data_key, organization, id);
CREATE INDEX git_logins_data_key ON git_logins (data_key, organization, project);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('goose_db_version',13);
COMMIT;
