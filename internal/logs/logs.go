// Package logs is what the logs of long-running commands have in common.
//
// The one idea: a log is for whoever has to repair something. So it holds the
// cause of an error down to the errno or SQLSTATE, which callers are not shown,
// and a state that lasts is one line, and a count each minute, not a line for
// each request that meets it.
//
//	handler := slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{ReplaceAttr: logs.Causes})
//	log := slog.New(logs.NewHandler(handler, time.Minute))
//	log.Warn("unavailable", "request", id, "error", err)
package logs

import (
	"log/slog"

	"github.com/pullpass/pullpass"
)

// Causes has errors logged with everything that is wrapped in them. It is the
// ReplaceAttr of slog.HandlerOptions.
func Causes(_ []string, a slog.Attr) slog.Attr {
	if err, ok := a.Value.Any().(error); ok {
		a.Value = slog.StringValue(pullpass.Chain(err))
	}
	return a
}
