-- One text for SQLite and PostgreSQL. Times are microseconds since 1970, UTC; 0
-- is "never". Every table of a tenant has the organization in its primary key
-- and in its foreign keys, so that a reference from one organization to another
-- cannot be written.

-- +goose Up
CREATE TABLE organizations (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

-- Data keys that seal secrets, wrapped by a key-encryption key kept elsewhere.
CREATE TABLE data_keys (
    number     BIGINT NOT NULL PRIMARY KEY,
    kek        TEXT   NOT NULL,
    wrapped    BYTEA  NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE projects (
    organization     TEXT    NOT NULL REFERENCES organizations (id),
    id               TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    repository       TEXT    NOT NULL,
    ownership_proved BOOLEAN NOT NULL,
    created_at       BIGINT  NOT NULL,
    deleted_at       BIGINT  NOT NULL DEFAULT 0,
    PRIMARY KEY (organization, id)
);
CREATE UNIQUE INDEX projects_name ON projects (organization, name) WHERE deleted_at = 0;

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
CREATE UNIQUE INDEX runners_name ON runners (organization, name) WHERE deleted_at = 0;

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
CREATE UNIQUE INDEX integrations_name ON integrations (organization, name);
CREATE INDEX integrations_data_key ON integrations (data_key, organization, id);

CREATE TABLE integration_runners (
    organization TEXT NOT NULL,
    integration  TEXT NOT NULL,
    runner       TEXT NOT NULL,
    PRIMARY KEY (organization, integration, runner),
    FOREIGN KEY (organization, integration) REFERENCES integrations (organization, id),
    FOREIGN KEY (organization, runner) REFERENCES runners (organization, id)
);

-- A registry that was deleted stays as long as an environment has one of its
-- generations.
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
-- Two registries of one scope that cover the same images would be a tie.
CREATE UNIQUE INDEX registries_tie ON registries (organization, COALESCE(project, ''), host, path_prefix) WHERE deleted_at = 0;
CREATE UNIQUE INDEX registries_name ON registries (organization, COALESCE(project, ''), name) WHERE deleted_at = 0;

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
CREATE INDEX registry_generations_integration ON registry_generations (organization, integration);
CREATE INDEX registry_generations_data_key ON registry_generations (data_key, organization, registry, generation);

CREATE TABLE registry_generation_runners (
    organization TEXT   NOT NULL,
    registry     TEXT   NOT NULL,
    generation   BIGINT NOT NULL,
    runner       TEXT   NOT NULL,
    PRIMARY KEY (organization, registry, generation, runner),
    FOREIGN KEY (organization, registry, generation) REFERENCES registry_generations (organization, registry, generation),
    FOREIGN KEY (organization, runner) REFERENCES runners (organization, id)
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
    updated_at   BIGINT NOT NULL,
    PRIMARY KEY (organization, id),
    FOREIGN KEY (organization, project) REFERENCES projects (organization, id),
    FOREIGN KEY (organization, runner) REFERENCES runners (organization, id)
);
CREATE UNIQUE INDEX environments_name ON environments (organization, project, name) WHERE phase <> 'deleted';
CREATE INDEX environments_there ON environments (organization, id) WHERE phase <> 'deleted';
CREATE INDEX environments_project ON environments (organization, project, id);
CREATE INDEX environments_runner ON environments (organization, runner, id);
CREATE INDEX environments_phase ON environments (organization, phase, id);

-- The registry generations that an environment was started with.
CREATE TABLE environment_registries (
    organization TEXT   NOT NULL,
    environment  TEXT   NOT NULL,
    registry     TEXT   NOT NULL,
    generation   BIGINT NOT NULL,
    PRIMARY KEY (organization, environment, registry),
    FOREIGN KEY (organization, environment) REFERENCES environments (organization, id),
    FOREIGN KEY (organization, registry, generation) REFERENCES registry_generations (organization, registry, generation)
);
CREATE INDEX environment_registries_generation ON environment_registries (organization, registry, generation);

-- The end of what a service has printed since its environment's last start.
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

-- Only the setup token exists before its organization.
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
    last_used_at BIGINT NOT NULL,
    CHECK (organization IS NOT NULL OR (kind = 'setup' AND project IS NULL AND runner IS NULL)),
    FOREIGN KEY (organization, project) REFERENCES projects (organization, id),
    FOREIGN KEY (organization, runner) REFERENCES runners (organization, id)
);
CREATE INDEX tokens_organization ON tokens (organization, id);
CREATE INDEX tokens_runner ON tokens (organization, runner);
CREATE INDEX tokens_project ON tokens (organization, project);

-- The audit chain. Its records outlive what they speak of: no foreign keys.
CREATE TABLE event_heads (
    organization TEXT   NOT NULL PRIMARY KEY REFERENCES organizations (id),
    sequence     BIGINT NOT NULL,
    hash         TEXT   NOT NULL
);
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
CREATE INDEX events_at ON events (organization, at);
CREATE INDEX events_environment ON events (organization, environment, sequence) WHERE environment <> '';
