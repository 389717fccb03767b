-- +goose Up
-- People, as the server's OpenID provider knows them. They belong to no
-- organization; members says what they are in one.
CREATE TABLE users (
    id           TEXT   NOT NULL PRIMARY KEY,
    issuer       TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    email        TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    signed_in_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_subject ON users (issuer, subject);

-- Without a person it is an invitation for whoever proves the address.
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
CREATE UNIQUE INDEX members_email ON members (organization, COALESCE(project, ''), email);
CREATE UNIQUE INDEX members_person ON members (organization, COALESCE(project, ''), person) WHERE person IS NOT NULL;
CREATE INDEX members_invited ON members (email) WHERE person IS NULL;
CREATE INDEX members_of_person ON members (person) WHERE person IS NOT NULL;
CREATE INDEX members_project ON members (organization, project);

-- Sign-ins under way. Everything that proves something is kept as a hash; member
-- is set once the person is known.
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
    expires_at        BIGINT NOT NULL,
    FOREIGN KEY (organization, member) REFERENCES members (organization, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX sign_ins_state ON sign_ins (state);
CREATE UNIQUE INDEX sign_ins_user_code ON sign_ins (user_code);
CREATE UNIQUE INDEX sign_ins_device ON sign_ins (device);
CREATE UNIQUE INDEX sign_ins_code ON sign_ins (code);
CREATE INDEX sign_ins_expires ON sign_ins (expires_at);
CREATE INDEX sign_ins_member ON sign_ins (organization, member);
CREATE INDEX tokens_session ON tokens (organization, created_by) WHERE kind = 'session';
