package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pullpass/pullpass/internal/store/storetest"
)

// TestPlans has SQLite say how it finds what the named operations ask for: each
// must search an index by more than the organization, whether or not it has
// statistics.
func TestPlans(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "pullpass.db"), storetest.Keyring(t))
	t.Cleanup(func() { _ = db.Close() })
	ctx := t.Context()
	filled, err := storetest.Fill(ctx, db, 5000)
	if err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		for query, want := range map[string]string{
			`SELECT * FROM environments WHERE organization = $1 AND id > $2 AND phase <> 'deleted' ORDER BY id LIMIT 51`:                                   "environments_there (organization=? AND id>?)",
			`SELECT * FROM environments WHERE organization = $1 AND id > $2 AND project = $3 AND phase <> 'deleted' ORDER BY id LIMIT 51`:                  "environments_project (organization=? AND project=? AND id>?)",
			`SELECT * FROM environments WHERE organization = $1 AND id > $2 AND project = $3 AND phase || '' = $3 ORDER BY id LIMIT 51`:                    "environments_project (organization=? AND project=? AND id>?)",
			`SELECT * FROM environments WHERE organization = $1 AND runner = $3 AND id > $2 AND phase <> 'deleted' ORDER BY id LIMIT 51`:                   "environments_runner (organization=? AND runner=? AND id>?)",
			`SELECT * FROM registries r WHERE r.organization = $1 AND COALESCE(r.project, '') IN ('', $2) AND r.deleted_at = 0`:                            "(organization=? AND <expr>=?)",
			`SELECT * FROM registries WHERE organization = $1 AND COALESCE(project, '') IN ('', $2) AND deleted_at = 0 ORDER BY COALESCE(project, ''), id`: "(organization=? AND <expr>=?)",
			`SELECT * FROM environment_registries WHERE organization = $1 AND environment = $2 ORDER BY registry`:                                          "(organization=? AND environment=?)",
			`SELECT 1 FROM environment_registries er WHERE er.organization = $1 AND er.registry = $2 AND er.generation = 1`:                                "environment_registries_generation (organization=? AND registry=? AND generation=?)",
			`SELECT * FROM events WHERE organization = $1 AND sequence > $2 AND environment <> '' AND environment = $3 ORDER BY sequence LIMIT 51`:         "events_environment (organization=? AND environment=? AND sequence>?)",
			`SELECT organization, registry, generation, sealed, data_key FROM registry_generations WHERE data_key < $1 LIMIT $2`:                           "registry_generations_data_key (data_key<?)",
		} {
			got, err := plan(ctx, db.Schema().Read, query)
			if err != nil || !strings.Contains(got, want) || strings.Contains(got, "SCAN") {
				t.Errorf("%s:\n%s\n  is found by %s (%v), want %s", when, query, got, err, want)
			}
		}
	}
	check("a new database")
	if err := filled.Settle(ctx, db); err != nil {
		t.Fatal(err)
	}
	check("with statistics")
}

func plan(ctx context.Context, db *sql.DB, query string) (steps string, err error) {
	rows, err := db.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, "a", "b", "c")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			return "", err
		}
		steps += step + "; "
	}
	return steps, rows.Err()
}
