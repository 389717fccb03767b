package store

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
)

// Rotation is what Rotate did.
type Rotation struct {
	DataKey  int64    // seals everything now
	Resealed int      // values that were sealed with an older one
	Retired  int      // data keys that were removed
	Skipped  []string // values that do not open, as table organization/row: they stay as they are
	InUse    []string // key-encryption keys still needed; the others may go
}

// Rotate seals every secret with the newest data key, making one first if the
// newest is not wrapped by the keyring's primary key, and removes the older
// data keys. It works in small batches and can be stopped at any point: another
// run goes on where it ended. Servers may go on working meanwhile.
func (db *DB) Rotate(ctx context.Context) (Rotation, error) {
	number, err := db.sealer.Renew(ctx)
	if err != nil {
		return Rotation{}, db.explain("rotate the keys", err)
	}
	r, err := db.SealOld(ctx)
	if err != nil {
		return r, err
	}
	r.DataKey = number
	for _, table := range []sealedTable{registrySecrets, integrationSecrets, signingKeys, webhookSecrets, gitLogins, trialSecrets, auditKeySecrets, variableSecrets, outputSecrets} {
		if err := db.reseal(ctx, table, oldKey, number, &r); err != nil {
			return r, db.explain("rotate the keys", err)
		}
	}
	if err := db.dropHandovers(ctx, number); err != nil {
		return r, err
	}
	// What does not open still names its data key, for whoever restores it.
	if len(r.Skipped) == 0 {
		if err := db.retire(ctx, &r); err != nil {
			return r, err
		}
	}
	r.InUse, err = db.KeysInUse(ctx)
	return r, err
}

// NewDataKey makes a data key that the next Rotate brings into use everywhere:
// for when a data key itself, not the key around it, must be exchanged.
func (db *DB) NewDataKey(ctx context.Context) (int64, error) {
	number, err := db.sealer.NewDataKey(ctx)
	return number, db.explain("make a data key", err)
}

// sealedTable is how Rotate finds and replaces the sealed values of one table.
type sealedTable struct {
	// find selects organization, row, version, sealed and data_key of a table that it
	// calls s, and then as many columns as a value is bound to.
	find    string
	bound   int
	replace string // its arguments: organization, row, version, data_key, and both anew
	keyed   bool   // what it is bound to belongs to the row's key, and to the arguments
	place   func(sealedRow) seal.AssociatedData
	// convert turns what is sealed into what is to be sealed; nil where they are one.
	convert func(sealedRow, pullpass.Secret) pullpass.Secret
}

type sealedRow struct {
	organization pullpass.OrganizationID
	id           string
	version      int64
	sealed       []byte
	key          int64
	bound        []string
}

var registrySecrets = sealedTable{
	find: `SELECT s.organization, s.registry, s.generation, s.sealed, s.data_key, r.host, r.path_prefix, s.username, COALESCE(r.project, '')
		FROM registry_generations s JOIN registries r ON r.organization = s.organization AND r.id = s.registry`,
	bound: 4,
	replace: `UPDATE registry_generations SET sealed = $5, data_key = $6
		WHERE organization = $1 AND registry = $2 AND generation = $3 AND data_key = $4`,
	place: func(r sealedRow) seal.AssociatedData {
		return registryPlace(r.organization, pullpass.Registry{
			ID: pullpass.RegistryID(r.id), Generation: r.version,
			Host: r.bound[0], PathPrefix: r.bound[1], Username: r.bound[2], Project: pullpass.ProjectID(r.bound[3]),
		})
	},
}

var integrationSecrets = sealedTable{
	find: `SELECT s.organization, s.id, s.generation, s.sealed, s.data_key, s.account, s.region, s.access_key_id, s.chain
		FROM integrations s`,
	bound: 4,
	replace: `UPDATE integrations SET sealed = $5, data_key = $6
		WHERE organization = $1 AND id = $2 AND generation = $3 AND data_key = $4`,
	place: func(r sealedRow) seal.AssociatedData {
		return integrationPlace(r.organization, pullpass.IntegrationID(r.id), r.version, r.bound)
	},
}

const resealBatch = 100

// SealOld seals what versions of before left less safe than it is written now: what
// they kept in clear text is sealed (variables, output, addresses of webhooks), what
// they bound to its place alone is bound to what the row says. Where there is
// nothing left to do it looks and writes nothing; other servers may go on working.
// What does not open stays as it is, and is named.
func (db *DB) SealOld(ctx context.Context) (Rotation, error) {
	const what = "seal what older versions wrote"
	var r Rotation
	if err := db.sealClearVariables(ctx, &r); err != nil {
		return r, db.explain(what, err)
	}
	if err := db.sealClearOutput(ctx, &r); err != nil {
		return r, db.explain(what, err)
	}
	for _, table := range []sealedTable{registrySecrets, integrationSecrets, webhookSecrets, gitLogins, trialSecrets} {
		if err := db.reseal(ctx, table, unbound, seal.Unbound, &r); err != nil {
			return r, db.explain(what, err)
		}
	}
	return r, nil
}

func (t sealedTable) scan(row scanner) (s sealedRow, err error) {
	s.bound = make([]string, t.bound)
	columns := []any{&s.organization, &s.id, &s.version, &s.sealed, &s.key}
	for i := range s.bound {
		columns = append(columns, &s.bound[i])
	}
	err = row.Scan(columns...)
	return s, err
}

// What is to be sealed anew: by the number of its key, or because it is bound to
// its place alone, as by versions before there was more to bind it to. So nothing
// has to be remembered between runs.
const (
	oldKey  = ` WHERE s.data_key < $1 LIMIT $2`
	unbound = ` WHERE s.data_key IS NOT NULL AND substr(s.sealed, 1, 1) = $1 LIMIT $2`
)

// reseal replaces the values that which finds, until there are none.
func (db *DB) reseal(ctx context.Context, table sealedTable, which string, argument any, r *Rotation) error {
	for {
		rows, err := all(ctx, db.read, table.scan, table.find+which, argument, resealBatch+len(r.Skipped))
		if err != nil {
			return err
		}
		left := slices.DeleteFunc(rows, func(row sealedRow) bool { return slices.Contains(r.Skipped, row.name(table)) })
		if len(left) == 0 {
			return nil
		}
		if err := db.resealRows(ctx, table, left, r); err != nil {
			return err
		}
	}
}

// name is how a row is told to people; it is not secret.
func (s sealedRow) name(table sealedTable) string {
	name := table.place(s).Table + " " + string(s.organization) + "/" + s.id
	if table.keyed {
		name += "/" + strings.Join(s.bound, "/")
	}
	return name + "/" + strconv.FormatInt(s.version, 10)
}

func (db *DB) resealRows(ctx context.Context, table sealedTable, rows []sealedRow, r *Rotation) error {
	fresh := make([]sealed, 0, len(rows))
	opened := make([]sealedRow, 0, len(rows))
	for _, row := range rows {
		secret, err := db.sealer.Open(ctx, row.sealed, table.place(row))
		switch {
		case err != nil && !isBroken(err):
			return err // nothing is known of the row: the database or the key's holder is away
		case err != nil:
			r.Skipped = append(r.Skipped, row.name(table))
			continue
		}
		if table.convert != nil {
			secret = table.convert(row, secret)
		}
		s, err := db.seal(ctx, secret, table.place(row))
		if err != nil {
			return err
		}
		fresh, opened = append(fresh, s), append(opened, row)
	}
	var replaced int
	err := db.tx(ctx, "seal values anew", func(x *tx) error {
		replaced = 0
		for i, row := range opened {
			// None: the row was updated or deleted meanwhile, and needs nothing.
			arguments := []any{row.organization, row.id, row.version, row.key, fresh[i].bytes, fresh[i].key}
			if table.keyed {
				for _, value := range row.bound {
					arguments = append(arguments, value)
				}
			}
			n, err := x.exec(table.replace, arguments...)
			if err != nil {
				return err
			}
			replaced += int(n)
		}
		return nil
	})
	if err == nil {
		r.Resealed += replaced
	}
	return err
}

// retire removes the data keys before the newest. A value sealed with one of
// them by another server this very moment keeps it, through its foreign key,
// and is found by the next run.
func (db *DB) retire(ctx context.Context, r *Rotation) error {
	old, err := all(ctx, db.read, scanDataKey, dataKeyColumns+` WHERE number < $1 ORDER BY number`, r.DataKey)
	if err != nil {
		return db.explain("retire data keys", err)
	}
	for _, key := range old {
		err := db.tx(ctx, "retire a data key", func(x *tx) error {
			_, err := x.exec(`DELETE FROM data_keys WHERE number = $1`, key.Number)
			return db.onForeign(err, errConflict("data_key_in_use", "retire a data key", "a value was sealed with it meanwhile", "rotate again"))
		})
		if err != nil {
			return err
		}
		db.sealer.Forget(key.Number)
		r.Retired++
	}
	return nil
}
