-- +goose Up
-- A token that a token made ends with it, and so does what that one made: root is
-- whoever made the first. Tokens of before know their parent by who created them.
ALTER TABLE tokens ADD COLUMN parent TEXT REFERENCES tokens (id) ON DELETE CASCADE;
ALTER TABLE tokens ADD COLUMN root TEXT NOT NULL DEFAULT '';
UPDATE tokens SET parent = created_by WHERE kind IN ('api', 'join') AND EXISTS (
    SELECT 1 FROM tokens p WHERE p.id = tokens.created_by AND p.organization = tokens.organization AND p.id <> tokens.id);
WITH RECURSIVE tree (id, root) AS (
    SELECT id, created_by FROM tokens WHERE parent IS NULL
    UNION ALL
    SELECT t.id, tree.root FROM tokens t JOIN tree ON t.parent = tree.id
)
UPDATE tokens SET root = (SELECT tree.root FROM tree WHERE tree.id = tokens.id);
CREATE INDEX tokens_parent ON tokens (parent);
CREATE INDEX tokens_root ON tokens (organization, root);
