package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/pullpass/pullpass"
)

type versionCommand struct{}

// serverAnswers is how long the server may take to say its version: this command is
// also for when it does not answer.
const serverAnswers = 3 * time.Second

// Run prints the program's version and, for whoever is logged in, the server's.
func (versionCommand) Run(ctx context.Context, t *terminal) error {
	data := map[string]string{"version": version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
	server := ""
	if c, err := connect(); err == nil {
		asking, cancel := context.WithTimeout(ctx, serverAnswers)
		defer cancel()
		self, err := c.Self(asking)
		switch {
		case err != nil:
			server = "server: " + c.Base() + " does not say its version: " + oneLine(pullpass.Explain(err))
		case self.ServerVersion == "":
			server = "server: " + c.Base() + " is older than this program and does not say its version"
		case self.ServerVersion == version:
			server = "server: " + c.Base() + " has the same version"
		default:
			server = "server: " + c.Base() + " has version " + self.ServerVersion + "; the same version is at " + c.Base() + "/downloads/"
		}
		if self.ServerVersion != "" {
			data["server"], data["server_version"] = c.Base(), self.ServerVersion
		}
	}
	return t.show(data, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "pullpass %s (%s, %s)\n", version, data["go"], data["platform"])
		if server != "" {
			_, _ = fmt.Fprintln(w, server)
		}
	})
}
