package store

import (
	"context"
	"errors"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
)

// sealed is a secret as two columns hold it; both are NULL without one.
type sealed struct {
	bytes []byte
	key   any // number of the data key
}

func (db *DB) seal(ctx context.Context, secret pullpass.Secret, place seal.AssociatedData) (sealed, error) {
	if secret.Empty() {
		return sealed{}, nil
	}
	b, err := db.sealer.Seal(ctx, secret, place)
	if err != nil {
		return sealed{}, err
	}
	number, err := seal.KeyNumber(b)
	return sealed{bytes: b, key: number}, err
}

// errOvertaken says that something changed between reading and writing it.
func errOvertaken(what string) error {
	return &pullpass.Error{
		Kind: pullpass.Conflict, Code: "overtaken", What: "cannot " + what, Err: errAgain,
		Cause: "it was changed by somebody else at the same moment", Hint: "try again",
	}
}

func isAgain(err error) bool { return errors.Is(err, errAgain) }

// isBroken reports whether a sealed value was changed, or its data key is gone.
func isBroken(err error) bool {
	return err != nil && (pullpass.CodeOf(err) == seal.CodeBroken || pullpass.IsKind(err, pullpass.NotFound))
}
