package postgres_test

import (
	"database/sql"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/store/storetest"
)

// TestAcknowledgedIsSynced has an address that asks for less durability, and looks
// at PostgreSQL's log after each acknowledgement: what was acknowledged is flushed.
func TestAcknowledgedIsSynced(t *testing.T) {
	ctx := t.Context()
	db := openAt(t, parts.Postgres(t)+"&synchronous_commit=off", storetest.Keyring(t))
	pool := db.Schema().Write
	var conns []*sql.Conn
	for range 8 {
		conn, err := pool.Conn(ctx)
		must(t, "Conn", err)
		conns = append(conns, conn)
		var setting string
		must(t, "SHOW", conn.QueryRowContext(ctx, "SHOW synchronous_commit").Scan(&setting))
		if setting != "on" {
			t.Errorf("synchronous_commit is %s, want on", setting)
		}
	}
	for _, conn := range conns {
		must(t, "Close", conn.Close())
	}
	org, err := db.CreateOrganization(ctx, pullpass.Organization{Name: "acme"})
	must(t, "CreateOrganization", err)
	for i := range 20 {
		var before string
		var flushed bool
		must(t, "the end of the log", pool.QueryRowContext(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&before))
		_, err := db.AppendEvents(ctx, []pullpass.Event{{Organization: org.ID, Action: "a"}})
		must(t, "AppendEvents", err)
		must(t, "what is flushed", pool.QueryRowContext(ctx, "SELECT pg_current_wal_flush_lsn() > $1::pg_lsn", before).Scan(&flushed))
		if !flushed {
			t.Errorf("record %d was acknowledged and is not on disk", i)
		}
	}
}
