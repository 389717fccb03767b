package main

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"github.com/pullpass/pullpass/internal/config"
)

// offeredPrograms puts this program and the credential helper where /downloads/
// finds them, beside those of other platforms that the operator put there.
func offeredPrograms(c *config.Server, log *slog.Logger) (fs.FS, error) {
	root := c.DownloadsPath()
	dir := filepath.Join(root, runtime.GOOS+"-"+runtime.GOARCH)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // what is given out to everybody
		return nil, fmt.Errorf("making the directory of downloads: %w", err)
	}
	for _, program := range programs {
		from, err := programPath(program)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(from); err != nil {
			log.Warn("a program is not offered for download: it is missing beside this one", "program", from)
			continue
		}
		if err := copyProgram(from, filepath.Join(dir, program)); err != nil {
			return nil, fmt.Errorf("copying %s for download: %w", program, err)
		}
	}
	return os.DirFS(root), nil
}
