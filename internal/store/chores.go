package store

import (
	"context"
	"time"
)

// TakeChore reports whether a chore is due, and gives it to whoever asks first: of
// several servers on one database one does it. It is due again after every, by the
// database's clock; a tenth sooner, so that whoever asks that often does not miss it.
func (db *DB) TakeChore(ctx context.Context, chore string, every time.Duration) (bool, error) {
	var taken int64
	err := db.vital(ctx, "take turns at "+chore, func(x *tx) (err error) {
		taken, err = x.exec(`INSERT INTO chores (name, due_at) VALUES ($1, `+db.dialect.Clock+` + $2)
			ON CONFLICT (name) DO UPDATE SET due_at = excluded.due_at WHERE chores.due_at <= `+db.dialect.Clock,
			chore, (every - every/10).Microseconds())
		return err
	})
	return taken > 0, err
}
