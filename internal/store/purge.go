package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
)

// purgeBatch is how many rows one transaction removes: nobody waits long behind it.
const purgeBatch = 500

// purgeable are rows that are over: deleted or expired before a time ($1). None goes
// while another row needs it. For limits to selected runners and projects that is
// more than a foreign key: an empty list would open what the last name had limited.
type purgeable struct {
	table string
	key   string // the columns of its primary key
	over  string
	users []string // "table column": what refers to it
}

// purgeables are in an order in which what refers to something goes before it.
var purgeables = []purgeable{
	{"tokens", "id", `expires_at <> 0 AND expires_at < $1`, nil}, // those that they made go with them
	{"environments", "organization, id", `phase = 'deleted' AND updated_at < $1`,
		[]string{"environment_registries environment", "environment_output environment"}},
	{"runners", "organization, id", `deleted_at <> 0 AND deleted_at < $1`,
		[]string{"environments runner", "tokens runner", "trials runner", "integration_runners runner", "registry_generation_runners runner",
			"runner_projects runner"}},
	{"projects", "organization, id", `deleted_at <> 0 AND deleted_at < $1`,
		[]string{"environments project", "registries project", "tokens project", "trusts project", "members project", "repositories project",
			"git_logins project", "integration_projects project", "runner_projects project"}},
}

// statement removes a batch.
func (p purgeable) statement() string {
	var b strings.Builder
	fmt.Fprintf(&b, `DELETE FROM %[1]s WHERE (%[2]s) IN (SELECT %[2]s FROM %[1]s t WHERE %[3]s`, p.table, p.key, p.over)
	for _, user := range p.users {
		table, column, _ := strings.Cut(user, " ")
		fmt.Fprintf(&b, ` AND NOT EXISTS (SELECT 1 FROM %s u WHERE u.organization = t.organization AND u.%s = t.id)`, table, column)
	}
	b.WriteString(` LIMIT $2)`)
	return b.String()
}

// Purge removes what was deleted, or has expired, before a time: environments,
// registries, runners, projects and tokens, in batches. It returns how many of each
// went. Audit records are not among them, and a registry stays as long as an
// environment was started with it.
func (db *DB) Purge(ctx context.Context, before time.Time) (map[string]int64, error) {
	gone := map[string]int64{}
	var failed error
	count := func(table string, f func(x *tx) (int64, error)) {
		for more := true; more && failed == nil; {
			var n int64
			failed = db.tx(ctx, "remove old "+table, func(x *tx) (err error) {
				n, err = f(x)
				return x.db.onForeign(err, errAgain) // something came to need it at this very moment
			})
			if failed == nil {
				gone[table] += n
			}
			more = n == purgeBatch
		}
	}
	for _, p := range purgeables {
		if p.table == "runners" { // registries lie between environments and what they belong to
			count("registries", func(x *tx) (int64, error) { return x.purgeRegistries(before) })
		}
		count(p.table, func(x *tx) (int64, error) { return x.exec(p.statement(), micros(before), purgeBatch) })
	}
	return gone, failed
}

// purgeRegistries removes deleted registries that no environment has. They go with the
// last environment that has them; this finds what was left over.
func (x *tx) purgeRegistries(before time.Time) (int64, error) {
	type key struct {
		organization pullpass.OrganizationID
		id           pullpass.RegistryID
	}
	over, err := all(x.ctx, x, func(row scanner) (k key, err error) {
		err = row.Scan(&k.organization, &k.id)
		return k, err
	}, `SELECT organization, id FROM registries r WHERE deleted_at <> 0 AND deleted_at < $1
		AND NOT EXISTS (SELECT 1 FROM environment_registries u WHERE u.organization = r.organization AND u.registry = r.id) LIMIT $2`,
		micros(before), purgeBatch)
	for _, k := range over {
		err = errors.Join(err, x.collect(k.organization, k.id))
	}
	return int64(len(over)), err
}
