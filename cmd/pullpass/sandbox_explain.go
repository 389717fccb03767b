package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/pullpass/pullpass/internal/sandbox"
)

type sandboxExplain struct {
	sandboxAddress
	Count int `short:"n" default:"1" help:"How many refusals, the newest first; 0 for all that are remembered."`
}

// Run asks a running sandbox, of this machine, what it refused.
func (s *sandboxExplain) Run(ctx context.Context, t *terminal, cli *commandLine) error {
	cfg, err := s.config(cli)
	if err != nil {
		return err
	}
	denials, err := s.fetch(ctx, "http://"+cfg.Listen)
	if err != nil {
		return err
	}
	if len(denials) == 0 {
		t.say("Nothing was refused so far.")
	}
	return t.show(denials, func(w io.Writer) {
		for i, d := range denials {
			if i > 0 {
				_, _ = fmt.Fprintln(w)
			}
			explainDenial(w, d)
		}
	})
}

func (s *sandboxExplain) fetch(ctx context.Context, endpoint string) ([]sandbox.Denial, error) {
	denials := []sandbox.Denial{}
	err := askSandbox(ctx, http.MethodGet, fmt.Sprintf("%s/_pullpass/denials?n=%d", endpoint, s.Count), &denials)
	return denials, err
}

func explainDenial(w io.Writer, d sandbox.Denial) {
	_, _ = fmt.Fprintf(w, "%s  %s was refused %s\n", d.Time.Local().Format("15:04:05"), d.Principal, d.Action)
	_, _ = fmt.Fprintf(w, "on %s\n", strings.TrimSpace(d.Resource))
	_, _ = fmt.Fprint(w, d.Decision)
}
