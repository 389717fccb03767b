package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awsname"
)

// Reset takes the sandbox back to its configuration: everything that was made
// since is gone, keys and tokens with it. Its addresses stay.
func (b *Sandbox) Reset() error {
	b.state.mu.Lock()
	defer b.state.mu.Unlock()
	if err := b.state.clearLayers(); err != nil {
		return err
	}
	fresh := newState()
	b.state.accounts, b.state.keys, b.state.tokens = fresh.accounts, fresh.keys, fresh.tokens
	b.state.denials = denialLog{}
	if err := b.seed(); err != nil {
		return err
	}
	b.listening.Lock()
	defer b.listening.Unlock()
	for _, l := range b.listeners {
		if l.account == "" {
			continue
		}
		if reg := b.state.accounts[l.account].addRegistry(l.region); reg != nil {
			reg.address, reg.local = l.net.Addr().String(), b.cfg.LocalAddresses
		}
	}
	return nil
}

// clearLayers drops the layers of every repository. The caller holds the lock.
func (s *state) clearLayers() error {
	var errs []error
	for _, a := range s.accounts {
		for _, reg := range a.registries {
			for _, repo := range reg.repositories {
				errs = append(errs, repo.store.uploads.clear(), repo.store.blobs.clear())
			}
		}
	}
	return errors.Join(errs...)
}

// clearBlobDirectory removes what an earlier run has left: nobody knows its
// repositories any more. Nothing but directories of accounts is touched.
func (b *Sandbox) clearBlobDirectory() error {
	if b.cfg.BlobDirectory == "" {
		return nil
	}
	entries, err := os.ReadDir(b.cfg.BlobDirectory)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("sandbox: reading the blob directory: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || !awsname.ValidAccount(e.Name()) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(b.cfg.BlobDirectory, e.Name())); err != nil {
			return &pullpass.Error{
				Kind: pullpass.Unavailable, What: "cannot start the sandbox",
				Cause: "an earlier run's layers in " + b.cfg.BlobDirectory + " cannot be removed", Err: err,
				Hint: "give blobDirectory a directory of its own",
			}
		}
	}
	return nil
}
