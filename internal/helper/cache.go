package helper

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// How long an answer is used again. The server is asked long before a credential
// ends, and at least once an hour: it may have changed its mind.
const (
	enough     = 15 * time.Minute // of life left, to be used without asking
	least      = time.Minute      // of life left, to be used when the server does not answer
	maxAge     = time.Hour
	endlessAge = 5 * time.Minute // for stored passwords, which have no end

	// silence is for how long nobody asks again who has not answered, where there is
	// something to fall back upon.
	silence = 15 * time.Second
	// refusedAge is how long it is remembered that a client had an answer erased, as
	// clients do when a registry did not take it.
	refusedAge = 15 * time.Minute

	// mostFiles bounds the directory: each new access key is another identity.
	mostFiles = 2000
)

// Terms is what an Issuer may say of how its answers are kept.
type Terms struct {
	// WholeHost: an answer opens the whole host, whatever was asked for.
	WholeHost bool
	// HalfLife: the principal behind the Identity cannot change, so an answer is used
	// until half of its life is over, not for an hour.
	HalfLife bool
	// Failures are remembered for some seconds: who asks at once gets the same.
	Failures bool
}

// termed is an Issuer with terms; others have none.
type termed interface{ Terms() Terms }

func termsOf(i Issuer) Terms {
	if t, ok := i.(termed); ok {
		return t.Terms()
	}
	return Terms{}
}

// Cache keeps answers in a directory of this user alone: one file for each issuer,
// host and repository, so that entries never overwrite each other. It never gives
// out an expired one. A cache that cannot be used is no error: the issuer is asked.
type Cache struct {
	Dir string
	Now func() time.Time // time.Now if nil
}

// entry is one kept answer.
type entry struct {
	Username string     `json:"username"`
	Secret   api.Secret `json:"secret"`
	Expires  time.Time  `json:"expires,omitzero"`
	Kept     time.Time  `json:"kept"`
	Silent   time.Time  `json:"silent,omitzero"` // when the server last did not answer
	HalfLife bool       `json:"half_life,omitempty"`
}

// erased is what is left of an answer that a client had erased.
type erased struct {
	Fingerprint string    `json:"fingerprint"`
	At          time.Time `json:"at"`
}

// get returns a kept answer or asks the issuer; of many who ask for the same at the
// same time one does, and the others wait for its answer.
func (c *Cache) get(ctx context.Context, issuer Issuer, ask Ask) (pullpass.Credential, error) {
	if c == nil || c.prepare() != nil {
		return issuer.Credential(ctx, ask)
	}
	terms := termsOf(issuer)
	if terms.WholeHost {
		ask.Repository, ask.Action = "", ""
	}
	path := c.path(issuer.Identity(), ask)
	if e, ok := c.read(path); ok && c.fresh(e) {
		return e.credential(ask), nil
	}
	if err := c.failed(path, terms); err != nil {
		return pullpass.Credential{}, err
	}
	unlock, err := lock(ctx, path+lockSuffix)
	if ctx.Err() != nil {
		return pullpass.Credential{}, ctx.Err()
	}
	if err == nil {
		defer unlock()
	}
	kept, ok := c.read(path)
	if ok && c.fresh(kept) {
		return kept.credential(ask), nil
	}
	if err := c.failed(path, terms); err != nil {
		return pullpass.Credential{}, err
	}
	fallback := ok && !kept.Expires.IsZero() && kept.credential(ask).ValidFor(least, c.now())
	if fallback && c.now().Sub(kept.Silent) < silence && c.now().After(kept.Silent) {
		return kept.credential(ask), nil
	}
	issued, err := c.issue(ctx, issuer, ask, path, fallback)
	switch {
	case err == nil:
	case isRefusal(err):
		_ = os.Remove(path) // not given out again
		c.remember(ctx, path, terms, ask, err)
		return pullpass.Credential{}, err
	case fallback: // it outlives the outage
		kept.Silent = c.now()
		_ = keepFile(path, kept)
		return kept.credential(ask), nil
	default:
		c.remember(ctx, path, terms, ask, err)
		return pullpass.Credential{}, err
	}
	c.sweep()
	// What cannot be kept is asked for again.
	_ = keepFile(path, entry{
		Username: issued.Username, Secret: api.NewSecret(issued.Secret), Expires: issued.Expires, Kept: c.now(), HalfLife: terms.HalfLife,
	})
	return issued, nil
}

// issue asks, and leaves time for the fallback where there is one. It tells which
// credential was erased since: a registry may have refused it.
func (c *Cache) issue(ctx context.Context, issuer Issuer, ask Ask, path string, fallback bool) (pullpass.Credential, error) {
	if end, ok := ctx.Deadline(); ok && fallback {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	var gone erased
	if readTrusted(path+erasedSuffix, &gone) && c.now().Sub(gone.At) < refusedAge {
		ask.Refused = gone.Fingerprint
	}
	issued, err := issuer.Credential(ctx, ask)
	if err == nil && ask.Refused != "" && issued.Fingerprint() != ask.Refused {
		_ = os.Remove(path + erasedSuffix)
	}
	return issued, err
}

// isRefusal reports whether the issuer has said no: it answered, and not that it
// cannot. A server that hangs or fails says nothing of what it gave before.
func isRefusal(err error) bool {
	var e *pullpass.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case pullpass.Denied, pullpass.NotFound, pullpass.Unauthenticated, pullpass.Invalid:
		return true
	}
	return false
}

// What lies beside an entry, under its name.
const (
	erasedSuffix = ".erased"
	failedSuffix = ".failed"
	lockSuffix   = ".lock"
)

// forget removes what is kept for a host or repository, of any issuer.
func (c *Cache) forget(ask Ask) error {
	if c == nil {
		return nil
	}
	found, err := filepath.Glob(filepath.Join(c.Dir, "*-"+name(ask)+".json"))
	if err != nil {
		return err
	}
	if ask.Repository != "" { // an answer for the whole host was one for the repository, too
		whole, err := filepath.Glob(filepath.Join(c.Dir, "*-"+name(Ask{Host: ask.Host})+".json"))
		if err != nil {
			return err
		}
		found = append(found, whole...)
	}
	for _, path := range found {
		if e, ok := c.read(path); ok {
			// If it cannot be remembered, the server is asked without it.
			_ = keepFile(path+erasedSuffix, erased{e.credential(ask).Fingerprint(), c.now()})
		}
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("forgetting a credential: %w", err)
		}
	}
	return nil
}

// prepare makes the directory, and refuses one that others can write to.
func (c *Cache) prepare() error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(c.Dir)
	if err != nil {
		return err
	}
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !mine(info) {
		return fs.ErrPermission
	}
	return nil
}

// path names the entry by hashes: hosts and repositories are other people's text.
func (c *Cache) path(identity string, ask Ask) string {
	return filepath.Join(c.Dir, hash(identity, string(ask.Action))+"-"+name(ask)+".json")
}

func name(a Ask) string { return hash(a.Host, a.Repository) }

// hash writes each part with its length, so that two lists never look the same.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (c *Cache) read(path string) (entry, bool) {
	var e entry
	ok := readTrusted(path, &e)
	return e, ok && e.Username != "" && !e.Kept.IsZero()
}

func (c *Cache) fresh(e entry) bool {
	age := c.now().Sub(e.Kept)
	if age < 0 { // the clock was set back: nothing can be said of it
		return false
	}
	if e.Expires.IsZero() {
		return age < endlessAge
	}
	most := maxAge
	if e.HalfLife {
		most = e.Expires.Sub(e.Kept) / 2
		// A session of an hour would be asked for each half: it serves to near its end.
		most = max(most, min(maxAge, e.Expires.Sub(e.Kept)-enough))
	}
	return age < most && e.Expires.Sub(c.now()) >= enough
}

func (e entry) credential(a Ask) pullpass.Credential {
	return pullpass.Credential{Host: a.Host, Username: e.Username, Secret: e.Secret.Secret(), Expires: e.Expires}
}

func (c *Cache) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}
