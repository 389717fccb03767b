package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"runtime"

	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/httpapi"
)

// offeredPrograms opens this program and those beside it, the credential helper and
// what it asks AWS with, for /downloads/. They are not copied: a server starts on a full disk, and gives out
// what it is. They stay open, so that an upgrade beneath it changes nothing.
func (p *parts) offeredPrograms(c *config.Server, log *slog.Logger) ([]httpapi.Program, error) {
	platform := runtime.GOOS + "-" + runtime.GOARCH
	var offered []httpapi.Program
	for _, program := range append([]string{"pullpass-aws"}, programs...) {
		from, err := programPath(program)
		if err != nil {
			return nil, err
		}
		file, err := os.Open(from)
		if errors.Is(err, fs.ErrNotExist) {
			log.Warn("a program is not offered for download: it is missing beside this one", "program", from)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("opening %s for download: %w", program, err)
		}
		p.closers = append(p.closers, func() { _ = file.Close() })
		info, err := file.Stat()
		if err != nil {
			return nil, fmt.Errorf("opening %s for download: %w", program, err)
		}
		offered = append(offered, httpapi.Program{File: path.Join(platform, program), Content: file, Size: info.Size()})
		if c.Downloads == "" { // what earlier versions left
			removeCopies(filepath.Join(c.DownloadsPath(), platform, program))
		}
	}
	return offered, nil
}

func removeCopies(file string) {
	for _, copied := range []string{file, file + ".new"} {
		_ = os.Remove(copied) // mostly there is none
	}
}

// operatorsPrograms are those of other platforms that the operator put there.
func operatorsPrograms(c *config.Server) fs.FS {
	root := c.DownloadsPath()
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return nil
	}
	return os.DirFS(root)
}
