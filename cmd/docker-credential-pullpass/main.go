// Command docker-credential-pullpass gives docker, podman, skopeo and their kin the
// credentials that Pullpass has for them. Put it on the PATH and name it in
// ~/.docker/config.json:
//
//	{"credHelpers": {"222222222222.dkr.ecr.eu-west-1.amazonaws.com": "pullpass"}}
//
// It asks the agent socket of an environment, a Pullpass server, or AWS with an
// identity of this machine, in the order of its configuration. What needs HTTPS is
// asked through the programs pullpass-aws and pullpass beside it: this one stays small
// and quick.
package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/pullpass/pullpass/internal/helper"
)

// version is set when the program is linked.
var version = "devel"

func main() {
	h := helper.Helper{Version: version, Sources: helper.Sources(), Cache: helper.UserCache(), Logins: logins()}
	os.Exit(h.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func logins() *helper.Logins {
	dir, err := os.UserConfigDir()
	if err != nil {
		return nil
	}
	return &helper.Logins{Path: filepath.Join(dir, "pullpass", "docker-logins.json")}
}
