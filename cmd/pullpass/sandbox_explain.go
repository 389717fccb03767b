package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/_pullpass/denials?n=%d", endpoint, s.Count), http.NoBody)
	if err != nil {
		return nil, misuse("the address is none", "--listen HOST:PORT, such as 127.0.0.1:4510")
	}
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return nil, &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot ask the sandbox", Err: err, Hint: "start it: pullpass sandbox"}
	}
	defer resp.Body.Close()
	denials := []sandbox.Denial{}
	if err := json.NewDecoder(resp.Body).Decode(&denials); err != nil || resp.StatusCode != http.StatusOK {
		return nil, &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot ask the sandbox", Cause: "what answers at " + endpoint + " is not one"}
	}
	return denials, nil
}

func explainDenial(w io.Writer, d sandbox.Denial) {
	_, _ = fmt.Fprintf(w, "%s  %s was refused %s\n", d.Time.Local().Format("15:04:05"), d.Principal, d.Action)
	_, _ = fmt.Fprintf(w, "on %s\n", strings.TrimSpace(d.Resource))
	_, _ = fmt.Fprint(w, d.Decision)
}
