package helper

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// sweep removes what no longer serves anybody, so that the directory stays small.
func (c *Cache) sweep() {
	files, err := os.ReadDir(c.Dir)
	if err != nil {
		return
	}
	type live struct {
		path string
		kept time.Time
	}
	var entries []live
	for _, f := range files {
		path := filepath.Join(c.Dir, f.Name())
		info, err := f.Info()
		if err != nil || c.now().Sub(info.ModTime()) < maxAge {
			if err == nil && strings.HasSuffix(path, ".json") {
				entries = append(entries, live{path, info.ModTime()})
			}
			continue
		}
		if strings.HasSuffix(path, lockSuffix) {
			removeLock(path)
			continue
		}
		if e, ok := c.read(path); ok && strings.HasSuffix(path, ".json") && c.now().Before(e.Expires) {
			entries = append(entries, live{path, info.ModTime()})
			continue
		}
		_ = os.Remove(path)
	}
	if len(entries) <= mostFiles {
		return
	}
	slices.SortFunc(entries, func(a, b live) int { return a.kept.Compare(b.kept) })
	for _, e := range entries[:len(entries)-mostFiles] {
		_ = os.Remove(e.path)
	}
}
