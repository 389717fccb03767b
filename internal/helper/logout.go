package helper

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ForgetLogin removes what SaveLogin remembered, if anything.
func ForgetLogin() error {
	path, err := LoginPath()
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting the login: %w", err)
	}
	return nil
}
