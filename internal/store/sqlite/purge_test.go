package sqlite_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/pullpass/pullpass/internal/store/storetest"
)

// TestPurgeKnowsReferences compares what keeps a row from being purged with the
// foreign keys of the schema: one that is forgotten would stop the purge.
func TestPurgeKnowsReferences(t *testing.T) {
	source, err := os.ReadFile("../purge.go")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{}
	for _, block := range regexp.MustCompile(`(?s)\{"(\w+)", "organization, id", .*?\}\}`).FindAllStringSubmatch(string(source), -1) {
		for _, user := range regexp.MustCompile(`"(\w+ \w+)"[,}]`).FindAllStringSubmatch(block[0], -1) {
			known[block[1]] = append(known[block[1]], user[1])
		}
	}
	db := open(t, filepath.Join(t.TempDir(), "pullpass.db"), storetest.Keyring(t))
	t.Cleanup(func() { _ = db.Close() })
	rows, err := db.Schema().Read.QueryContext(t.Context(), `SELECT m.name, f."table", f."from" FROM sqlite_master m, pragma_foreign_key_list(m.name) f
		WHERE m.type = 'table' AND f."to" = 'id' AND f.on_delete <> 'CASCADE'`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	checked := 0
	for rows.Next() {
		var from, to, column string
		if err := rows.Scan(&from, &to, &column); err != nil {
			t.Fatal(err)
		}
		users, purged := known[to]
		if !purged {
			continue
		}
		checked++
		if !slices.Contains(users, from+" "+column) {
			t.Errorf("%s.%s refers to %s, and the purge does not know it", from, column, to)
		}
	}
	if rows.Err() != nil || checked < 10 {
		t.Errorf("%d references were checked, %v: too few to show anything", checked, rows.Err())
	}
}
